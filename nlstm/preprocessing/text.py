"""Texts made into numbers, as Keras 2 did: words or characters, numbered by how often they come."""

import hashlib
import json
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from nlstm.arguments.former import check_without_effect, taken_for, warn_former

__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(
    text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """Return the words of a text.

    Parameters
    ----------
    text : str
    filters : str
        Characters that are taken for `split`.
    lower : bool, default True
        Whether capital letters become small ones first.
    split : str, default " "
        What stands between words.

    Examples
    --------
    >>> text_to_word_sequence("It rains, still.")
    ['it', 'rains', 'still']
    """
    if lower:
        text = text.lower()
    text = text.translate({ord(one): split for one in filters})
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """Return a number from 1 to n - 1 for each word, by its hash.

    Parameters
    ----------
    text : str
    n : int
    hash_function : callable or "md5", optional
        By default Python's `hash`, which gives other numbers in every process.
    filters, lower, split
        See `text_to_word_sequence`.
    analyzer : callable, optional
        Returns the words of a text.
    """
    number = _md5 if hash_function == "md5" else hash_function or hash
    words = (
        text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    )
    return [number(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def one_hot(
    text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """Return `hashing_trick` with Python's `hash`."""
    return hashing_trick(text, n, None, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers the words, or characters, of texts: 1 for the most frequent.

    Parameters
    ----------
    num_words : int, optional
        Only numbers below it are given.
    filters, lower, split
        See `text_to_word_sequence`.
    char_level : bool, default False
        Take characters instead of words.
    oov_token : str, optional
        Gets number 1, and stands for words that are not known.
    analyzer : callable, optional
        Returns the words of a text.
    document_count : int, default 0
        Texts seen so far.

    Attributes
    ----------
    word_index, index_word : dict
        The number of each word, and the word of each number; all of them, whatever `num_words`.
    word_counts : OrderedDict
        How often each word came, in the order of their first appearance.
    word_docs, index_docs : dict
        In how many texts each word, or number, came.

    Notes
    -----
    A text that is a list is taken for its words. Keras 3 has no such class.

    Examples
    --------
    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["the sun", "the rain"])
    >>> tokenizer.texts_to_sequences(["the rain", "snow"])
    [[1, 3], []]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Iterable[str]] | None = None,
        document_count: int = 0,
        **former: Any,
    ) -> None:
        warn_former("Keras 3 has no Tokenizer; nlstm keeps it.")
        num_words = taken_for("Tokenizer", former, "nb_words", "num_words", num_words)
        check_without_effect("Tokenizer", former)
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: dict[str, int] = OrderedDict()
        self.word_docs: dict[str, int] = defaultdict(int)
        self.index_docs: dict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts, and number them anew."""
        for text in texts:
            self.document_count += 1
            words = list(self._words(text))
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ordered = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: number for number, word in enumerate([*first, *ordered], 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def _words(self, text: Any) -> Iterable[str]:
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [word.lower() for word in text] if isinstance(text, list) else text.lower()
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_sequences(self, sequences: Any) -> None:
        """Count in how many sequences each number comes, for "tfidf"."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] += 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Return the numbers of the words of each text; unknown words are left out."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """Give what `texts_to_sequences` returns, one by one."""
        unknown = self._unknown()
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            known = (number if self._is_given(number) else unknown for number in numbers)
            yield [number for number in known if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Any]) -> list[str]:
        """Return the words of numbers, with a space between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Any]) -> Iterator[str]:
        """Give what `sequences_to_texts` returns, one by one."""
        unknown = self._unknown()
        for sequence in sequences:
            known = (
                number if number in self.index_word and self._is_given(number) else unknown
                for number in sequence
            )
            yield " ".join(self.index_word[number] for number in known if number is not None)

    def _unknown(self) -> int | None:
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def _is_given(self, number: int | None) -> bool:
        return number is not None and not (self.num_words and number >= self.num_words)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """Return `sequences_to_matrix` of the texts' numbers."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Any, mode: str = "binary") -> np.ndarray:
        """Return a row for each sequence and a column for each number.

        Parameters
        ----------
        sequences : sequence of sequences of int
        mode : {"binary", "count", "freq", "tfidf"}
            Whether a number comes, how often, its share, or how often against how commonly.
        """
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}; got {mode!r}.")
        columns = self.num_words or len(self.word_index) + bool(self.word_index)
        if not columns:
            raise ValueError("Tokenizer needs num_words, or fit_on_texts first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Tokenizer needs fit_on_texts before mode 'tfidf'.")
        made = np.zeros((len(sequences), columns))
        for row, sequence in zip(made, sequences, strict=True):
            numbers, counts = np.unique(np.asarray(sequence, np.int64), return_counts=True)
            inside = (numbers >= 0) & (numbers < columns)
            numbers, counts = numbers[inside], counts[inside]
            row[numbers] = self._scores(numbers, counts, len(sequence), mode)
        return made

    def _scores(self, numbers: np.ndarray, counts: np.ndarray, size: int, mode: str) -> Any:
        if mode == "binary":
            return 1.0
        if mode == "count":
            return counts
        if mode == "freq":
            return counts / max(size, 1)
        texts = np.array([self.index_docs.get(int(number), 0) for number in numbers])
        return (1 + np.log(counts)) * np.log(1 + self.document_count / (1 + texts))

    def get_config(self) -> dict[str, Any]:
        """Return settings and counts; the dicts as JSON, as Keras 2 wrote them."""
        plain = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
        dicts = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {
            **{name: getattr(self, name) for name in (*plain, "document_count")},
            **{name: json.dumps(getattr(self, name)) for name in dicts},
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return the config as JSON, which `tokenizer_from_json` reads."""
        return json.dumps(
            {"class_name": type(self).__name__, "config": self.get_config()}, **kwargs
        )


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return the tokenizer that `to_json` wrote, here or in Keras 2."""
    config = dict(json.loads(json_string)["config"])
    names = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    dicts = {name: json.loads(config.pop(name)) for name in names}
    made = Tokenizer(**config)
    made.word_counts = OrderedDict(dicts["word_counts"])
    made.word_index = dicts["word_index"]
    made.word_docs.update(dicts["word_docs"])
    made.index_docs.update({int(number): count for number, count in dicts["index_docs"].items()})
    made.index_word = {int(number): word for number, word in dicts["index_word"].items()}
    return made
