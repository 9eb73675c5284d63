"""Where fits are kept: in memory, or in a folder that a killed call leaves whole.

A folder has files of chunks, each a zip of nlstm's own files, of their histories and of what the
models were before their fits, and `manifest.jsonl`: a line of what the call was, then one for each
chunk. A chunk's file comes first, whole or not at all; its line makes it count. One process writes,
the client's.
"""

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from nlstm.arguments.warned import warn_user
from nlstm.distributed.work import Failure, Outcome
from nlstm.files.model_file import unpacked_model
from nlstm.files.whole_file import naming, write_whole

try:
    import fcntl
except ImportError:  # Windows: two writers of one folder are not kept apart
    fcntl = None  # type: ignore[assignment]

__all__ = ["Entry", "Folder", "Memory", "Shelf", "read_key"]

MANIFEST, HISTORIES, BUILT, VERSION = "manifest.jsonl", "histories.json", "built.json", 1
LONGEST = 180  # characters of a name in a chunk


@dataclass(frozen=True)
class Entry:
    """What is known of a fit without opening its model.

    Attributes
    ----------
    key : str, int or tuple
    seconds : float
    epochs : int
    logs : dict of str to float
        Of the epoch whose weights the model has.
    failure : Failure or None
    more : dict
        What else its maker noted.
    """

    key: Any
    seconds: float = 0.0
    epochs: int = 0
    logs: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(key: Any, outcome: Outcome, more: Mapping[str, Any]) -> "Entry":
        """Return what is noted of an outcome."""
        if outcome.failure is not None:
            return Entry(key, outcome.seconds, failure=outcome.failure, more=more)
        history = {name: one for name, one in (outcome.history or {}).items() if one}
        epochs = max(map(len, history.values()), default=0)
        logs = {
            name: one[outcome.epoch if -len(one) <= outcome.epoch < len(one) else -1]
            for name, one in history.items()
        }
        return Entry(key, outcome.seconds, epochs, logs, more=more)

    def as_json(self) -> dict[str, Any]:
        """Return it as a manifest has it."""
        said: dict[str, Any] = {"key": self.key, "seconds": round(self.seconds, 4)}
        if self.failure is not None:
            said["failure"] = vars(self.failure)
        else:
            said |= {"epochs": self.epochs, "logs": dict(self.logs)}
        return said | ({"more": dict(self.more)} if self.more else {})

    @staticmethod
    def read(said: Mapping[str, Any]) -> "Entry":
        """Return what `as_json` gave."""
        failed, more = said.get("failure"), said.get("more", {})
        failure = None if failed is None else Failure(**failed)
        epochs, logs = said.get("epochs", 0), said.get("logs", {})
        return Entry(read_key(said["key"]), said["seconds"], epochs, logs, failure, more)


def check_same(path: str, found: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise a ValueError where a folder is of another call, by kind or by arguments of fit."""
    if found.get("call") != given["call"]:
        raise ValueError(
            f"{path} is of {found.get('call')}, not of {given['call']}: choose another."
        )
    before, now = ({"seed": one["seed"], **one["fit"]} for one in (found, given))
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise ValueError(
                f"{path} has fits with {name}={before.get(name)!r}; got {now.get(name)!r}. "
                "Choose another folder, or remove it."
            )


def read_key(key: Any) -> Any:
    """Return a key as it was before JSON."""
    return tuple(map(read_key, key)) if isinstance(key, list) else key


class Shelf:
    """Entries by key; those that have models say where these are."""

    def __init__(self) -> None:
        self.entries: dict[Any, Entry] = {}
        self.header: dict[str, Any] = {}

    def writing(self, header: Mapping[str, Any]) -> contextlib.AbstractContextManager[None]:
        """Return what a with statement holds around all that is kept."""
        return contextlib.nullcontext()

    @property
    def count(self) -> int:
        """How many models there are."""
        return sum(one.failure is None for one in self.entries.values())

    def model(self, key: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a fit's model."""
        name, content = self.content(key)
        return unpacked_model(name, io.BytesIO(content), custom_objects)

    def content(self, key: Any) -> tuple[str, bytes]:
        """Return what errors call a model's file, and its content."""
        raise NotImplementedError

    def history(self, key: Any) -> dict[str, list[Any]]:
        """Return the logs of each epoch of a fit."""
        raise NotImplementedError

    def built(self, key: Any) -> str | None:
        """Return what a fit's model was before it; None where that was not kept."""
        raise NotImplementedError

    def keep(self, entries: list[Entry], outcomes: list[Outcome]) -> None:
        """Take in what came of a chunk."""
        raise NotImplementedError


class Memory(Shelf):
    """Fits that are gone with the object."""

    def __init__(self) -> None:
        super().__init__()
        self._outcomes: dict[Any, Outcome] = {}

    def content(self, key: Any) -> tuple[str, bytes]:
        """Return what errors call a model's file, and its content."""
        return f"The model of {key!r}", self._outcomes[key].model or b""

    def history(self, key: Any) -> dict[str, list[Any]]:
        """Return the logs of each epoch of a fit."""
        return dict(self._outcomes[key].history or {})

    def built(self, key: Any) -> str | None:
        """Return what a fit's model was before it."""
        return self._outcomes[key].built

    def keep(self, entries: list[Entry], outcomes: list[Outcome]) -> None:
        """Take in what came of a chunk."""
        for entry, outcome in zip(entries, outcomes, strict=True):
            self.entries[entry.key], self._outcomes[entry.key] = entry, outcome


class Folder(Shelf):
    """Fits in a folder.

    Parameters
    ----------
    path : str

    Attributes
    ----------
    header : dict
        What the call was; empty where the folder is new.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self._places: dict[Any, tuple[str, str]] = {}
        self._untold: set[str] = set()  # files of an nlstm that did not keep what was built
        self._manifest = os.path.join(path, MANIFEST)
        self._open: Any = None
        self._read()

    def _read(self) -> None:
        """Read what is there now."""
        self.header, self._files, self._whole = {}, 0, 0
        self.entries.clear()
        if not os.path.exists(self._manifest):
            return
        with naming(self._manifest), open(self._manifest, "rb") as file:
            lines = file.read().split(b"\n")[:-1]  # what a kill has cut short has no end
        for number, line in enumerate(lines, 1):
            try:
                said = json.loads(line)
                self._header(said) if number == 1 else self._chunk(said)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                where = f"{self._manifest}, line {number}"
                raise ValueError(f"{where}, is not one of nlstm's: {error}") from error
        self._whole = sum(len(line) + 1 for line in lines)

    def _header(self, said: dict[str, Any]) -> None:
        if said["version"] != VERSION:
            raise ValueError(f"its version is {said['version']}; this nlstm reads {VERSION}.")
        self.header = said

    def _chunk(self, said: dict[str, Any]) -> None:
        self._files += said["file"] is not None
        for one in said["fits"]:
            entry = Entry.read(one)
            self.entries[entry.key] = entry
            if entry.failure is None:
                self._places[entry.key] = said["file"], one["name"]

    @contextlib.contextmanager
    def writing(self, header: Mapping[str, Any]) -> Iterator[None]:
        """Take the folder for this process alone while a with statement lasts.

        Raises
        ------
        RuntimeError
            Another process has it.
        """
        os.makedirs(self.path, exist_ok=True)
        with naming(self._manifest), open(self._manifest, "ab") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise RuntimeError(f"Another process writes to {self.path}.") from None
                except OSError:  # a file system without locks
                    warn_user(f"{self.path} cannot be locked: let one process at a time write it.")
            self._read()
            file.truncate(self._whole)
            self._open = file
            try:
                if self.entries:
                    check_same(self.path, self.header, header)
                else:
                    file.truncate(0)
                    self.header = {**header, "version": VERSION}
                    self._say(self.header)
                yield
            finally:
                self._open = None

    def _say(self, line: Mapping[str, Any]) -> None:
        self._open.write(json.dumps(line).encode() + b"\n")
        self._open.flush()
        os.fsync(self._open.fileno())

    def content(self, key: Any) -> tuple[str, bytes]:
        """Return what errors call a model's file, and its content."""
        file, name = self._places[key]
        return os.path.join(self.path, file, name), self._member(file, name)

    def history(self, key: Any) -> dict[str, list[Any]]:
        """Return the logs of each epoch of a fit."""
        file, name = self._places[key]
        return dict(json.loads(self._member(file, HISTORIES))[name])

    def built(self, key: Any) -> str | None:
        """Return what a fit's model was before it; None where that was not kept."""
        file, name = self._places[key]
        content = None if file in self._untold else self._member(file, BUILT, optional=True)
        if content is None:
            self._untold.add(file)
            return None
        return str(json.loads(content)[name])

    def _member(self, file: str, name: str, optional: bool = False) -> Any:
        path = os.path.join(self.path, file)
        try:
            with naming(path), zipfile.ZipFile(path) as chunk:
                if optional and name not in chunk.namelist():
                    return None
                return chunk.read(name)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{path} is damaged: {error}.") from error

    def keep(self, entries: list[Entry], outcomes: list[Outcome]) -> None:
        """Write a chunk, then its line."""
        names = _names(entries)
        good = [
            (name, one)
            for name, one in zip(names, outcomes, strict=True)
            if one.failure is None and one.model is not None
        ]
        file = f"{self._files + 1:06d}.zip" if good else None
        if file is not None:
            write_whole(os.path.join(self.path, file), _zipped(good))
        fits = [one.as_json() | {"name": name} for name, one in zip(names, entries, strict=True)]
        line = {"file": file, "fits": fits}
        self._chunk(
            json.loads(json.dumps(line))
        )  # an interrupt may fall here: no file serves twice
        self._say(line)


def _names(entries: list[Entry]) -> list[str]:
    """Return a name in the chunk for each entry, by its key."""
    names: list[str] = []
    for number, entry in enumerate(entries):
        key = "_".join(map(str, entry.key)) if isinstance(entry.key, tuple) else str(entry.key)
        name = f"{quote(key, safe=' ,+=@()')[:LONGEST]}.nlstm"
        names.append(f"{number}-{name}" if name in names else name)
    return names


def _zipped(good: list[tuple[str, Outcome]]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as chunk:  # weights do not get smaller
        for name, outcome in good:
            chunk.writestr(name, outcome.model or b"")
        histories = {name: outcome.history for name, outcome in good}
        chunk.writestr(HISTORIES, json.dumps(histories), zipfile.ZIP_DEFLATED)
        built = {name: outcome.built for name, outcome in good}
        chunk.writestr(BUILT, json.dumps(built), zipfile.ZIP_DEFLATED)
    return content.getvalue()
