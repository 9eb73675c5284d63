"""Sequences, texts and classes made into arrays: the values that Keras 2 documented."""

import json

import numpy as np
import pytest

from nlstm.preprocessing.sequence import TimeseriesGenerator, pad_sequences
from nlstm.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    text_to_word_sequence,
    tokenizer_from_json,
)
from nlstm.utils import normalize, to_categorical

former = pytest.mark.filterwarnings("ignore:Keras 3 has no:DeprecationWarning")
TEXTS = ["The cat sat on the mat.", "The dog -- the DOG! -- ate my homework"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [[0, 0, 1], [2, 3, 4], [0, 0, 0]]),
        ({"maxlen": 2}, [[0, 1], [3, 4], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [0, 0]]),
        ({"maxlen": 4, "padding": "post", "value": 9}, [[1, 9, 9, 9], [2, 3, 4, 9], [9, 9, 9, 9]]),
    ],
)
def test_sequences_are_padded_and_cut(options, wanted):
    found = pad_sequences([[1], [2, 3, 4], []], **options)
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == np.int32


def test_sequences_of_vectors_and_of_words():
    found = pad_sequences([np.ones((1, 2)), np.ones((3, 2))], dtype="float32", value=-1)
    assert found.shape == (2, 3, 2) and (found[0, :2] == -1).all()
    words = pad_sequences([["a"], ["b", "c"]], dtype=object, value="-")
    assert words.tolist() == [["-", "a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1]], None, "int32", "left"), "padding must be 'pre' or 'post'; got 'left'"),
        (([[1]], None, "int32", "pre", "left"), "truncating must be 'pre'"),
        (([1, 2],), "number 0 is 1"),
        (([[1], "ab"], None, object), "number 1 is 'ab'"),  # one word has no length in an array
        (([[1], "12"],), "number 1 is '12'"),
        (([np.array(3)],), r"number 0 is array\(3\)"),
        ((np.array(3),), r"sequences must be a list of sequences; got array\(3\)"),
        ((3,), "sequences must be a list of sequences; got 3"),
        (([[1]], None, "int32", "pre", "pre", "x"), "value is a string, so dtype must be object"),
        (([[[1, 2]], [[1, 2, 3]]],), r"of one shape, \(2,\); those of number 1 have \(3,\)"),
        (([[1]], -1), "maxlen must be at least 0"),
    ],
)
def test_what_cannot_be_padded_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(*arguments)


@former
def test_tokenizer_numbers_words_by_how_often_they_come():
    tokenizer = Tokenizer(num_words=4, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    assert list(tokenizer.word_index)[:3] == ["?", "the", "dog"]
    assert tokenizer.word_counts["the"] == 4 and tokenizer.word_docs["the"] == 2
    assert tokenizer.texts_to_sequences(["the dog sat", "cow"]) == [[2, 3, 1], [1]]
    assert tokenizer.sequences_to_texts([[2, 9, 3]]) == ["the ? dog"]
    assert tokenizer.document_count == 2


@former
def test_tokenizer_of_characters():
    tokenizer = Tokenizer(char_level=True, lower=False)
    tokenizer.fit_on_texts(["aab", "A"])
    assert tokenizer.word_index == {"a": 1, "b": 2, "A": 3}
    assert tokenizer.texts_to_sequences(["Abx"]) == [[3, 2]]


@former
@pytest.mark.parametrize("mode", ["binary", "count", "freq", "tfidf"])
def test_matrix_of_texts(mode):
    tokenizer = Tokenizer(num_words=3)
    tokenizer.fit_on_texts(TEXTS)
    row = tokenizer.texts_to_matrix(["the the dog mat"], mode)[0]
    wanted = {
        "binary": [0, 1, 1],
        "count": [0, 2, 1],
        "freq": [0, 2 / 3, 1 / 3],
        "tfidf": [0, (1 + np.log(2)) * np.log(1 + 2 / 3), np.log(1 + 2 / 2)],
    }
    np.testing.assert_allclose(row, wanted[mode])


@former
def test_tokenizer_goes_through_json():
    tokenizer = Tokenizer(oov_token="?", filters="!")
    tokenizer.fit_on_texts(TEXTS)
    text = tokenizer.to_json(indent=1)
    assert json.loads(text)["class_name"] == "Tokenizer"
    again = tokenizer_from_json(text)
    assert again.to_json(indent=1) == text
    assert again.texts_to_matrix(TEXTS, "tfidf").tolist() == (
        tokenizer.texts_to_matrix(TEXTS, "tfidf").tolist()
    )


def test_words_and_their_hashes():
    assert text_to_word_sequence("It rains, still.") == ["it", "rains", "still"]
    assert text_to_word_sequence("A-B", filters="", split="-", lower=False) == ["A", "B"]
    assert hashing_trick("sun rain sun", 10, "md5") == [9, 5, 9]
    assert hashing_trick("a b", 9, len, analyzer=str.split) == [2, 2]


def test_tokenizer_errors_and_warnings():
    with pytest.warns(DeprecationWarning) as caught:
        assert Tokenizer(nb_words=3).num_words == 3
    assert [str(one.message).split()[0] for one in caught] == ["Keras", "nb_words"]
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match="'words'"):
        Tokenizer(words=3)
    with pytest.warns(DeprecationWarning), pytest.raises(ValueError, match="mode must be one of"):
        Tokenizer(3).sequences_to_matrix([[1]], "sum")


@former
@pytest.mark.parametrize(
    ("options", "first", "targets", "batches"),
    [
        ({}, [[0, 1, 2], [1, 2, 3]], [30, 40], 4),
        ({"sampling_rate": 2, "stride": 2}, [[0, 2], [2, 4]], [30, 50], 2),
        ({"reverse": True, "start_index": 1, "end_index": 6}, [[3, 2, 1], [4, 3, 2]], [40, 50], 2),
    ],
)
def test_windows_of_a_series_in_numbered_batches(options, first, targets, batches):
    series = np.arange(10)
    made = TimeseriesGenerator(series, 10 * series, length=3, batch_size=2, **options)
    x, y = made[0]
    np.testing.assert_array_equal(x, first)
    np.testing.assert_array_equal(y, targets)
    assert len(made) == batches
    assert sum(len(x) for x, _ in made) == (
        7 if not options else 3 if "start_index" in options else 4
    )


@former
def test_series_that_is_too_short_is_named():
    with pytest.raises(ValueError, match="no window is left"):
        TimeseriesGenerator([1, 2, 3], [1, 2, 3], length=3)
    with pytest.raises(ValueError, match="must have one length; got 3 and 2"):
        TimeseriesGenerator([1, 2, 3], [1, 2], length=1)


def test_classes_as_rows():
    np.testing.assert_array_equal(to_categorical([[1], [0]]), [[0, 1], [1, 0]])
    assert to_categorical(np.zeros((2, 3)), 4, dtype="float32").shape == (2, 3, 4)
    for wrong in ([-1], [3]):
        with pytest.raises(ValueError, match=f"classes from 0 to 2; got {wrong[0]}"):
            to_categorical(wrong, 3)


def test_rows_of_length_one():
    found = normalize([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize(np.eye(2) * 2, axis=0, order=1), np.eye(2))
    assert normalize([2.0, 4.0, 0.0], order=0).tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("float16", 1e4),
        ("float16", 1e-4),
        ("float32", 1e30),
        ("float64", 1e300),
        ("float64", 1e-300),
    ],
)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_rows_whose_squares_no_dtype_holds_have_length_one(dtype, size, order):
    found = normalize(
        np.array([[3, -4, 0], [1, 0, 0]], dtype) * np.dtype(dtype).type(size), -1, order
    )
    wanted = np.array([[3, -4, 0], [1, 0, 0]]) / [[np.linalg.norm([3, 4], order)], [1]]
    assert found.dtype == dtype
    np.testing.assert_allclose(found, wanted, rtol=4 * np.finfo(dtype).eps)


def test_infinity_has_no_direction():
    found = normalize([[np.inf, 1.0], [np.nan, 1.0], [3.0, 4.0]])
    np.testing.assert_allclose(found, [[np.nan, 0.0], [np.nan, np.nan], [0.6, 0.8]])


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: normalize(np.ones((2, 2)), axis=5), "axis must lie in -2 to 1; got 5"),
        (lambda: normalize(np.ones((2, 2)), axis="a"), "axis must be an integer"),
        (lambda: normalize(np.ones((2, 2)), order="a"), "order must be a number"),
        (lambda: normalize([[1], [2, 3]]), "x is no array"),
        (lambda: to_categorical({1.0, 2.0}), "x must be an array"),
        (lambda: to_categorical(["a"]), "x must hold classes"),
        (lambda: to_categorical([1j]), "x must hold real numbers"),
        (lambda: to_categorical([0, np.nan]), "x must hold classes.*got nan"),
        (lambda: to_categorical([1e300]), r"x must hold classes.*got 1e\+300"),
        (lambda: pad_sequences([[1]], value=None), "value must fit dtype 'int32'; got None"),
        (lambda: pad_sequences([[1]], dtype="floaty"), "dtype must be a dtype"),
        (lambda: pad_sequences([[1], ["ab"]]), "number 1 does not"),
        (lambda: pad_sequences([[1], {"a": 1}]), "number 1 is {'a': 1}"),
        (lambda: to_categorical([1], dtype="floaty"), "dtype must be a dtype"),
        (lambda: pad_sequences([[[1], [2, 3]]]), "sequences is no array"),
    ],
)
def test_what_is_wrong_is_named(call, text):
    with pytest.raises((TypeError, ValueError), match=text):
        call()


def test_fractions_that_a_whole_dtype_cuts_off_are_told():
    with pytest.warns(UserWarning, match="dtype='float32' keeps them"):
        found = pad_sequences([[0.5], [1.0, 2.5]])
    assert found.tolist() == [[0, 0], [1, 2]]  # as in Keras
    assert pad_sequences([[1.0], [2.0, 3.0]]).tolist() == [[0, 1], [2, 3]]
    assert pad_sequences([[0.5], [1.0]], dtype="float32").tolist() == [[0.5], [1.0]]
