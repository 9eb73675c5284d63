"""Disks that are full, read-only or gone: an OSError names the path, and the old file stays."""

import contextlib
import errno
import itertools
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest

from nlstm.callbacks import BackupAndRestore, CSVLogger, LambdaCallback, ModelCheckpoint
from nlstm.files import whole_file
from nlstm.models import load_model
from tests.callbacks.test_backup import Stop, fit, interrupt, made
from tests.drills.children import Child, digest, needs_fork, own_mounts
from tests.drills.counts import Drill, times

pytestmark = needs_fork
resource = pytest.importorskip("resource")  # not on Windows
NOBODY = 65534


def written_by(folder):
    """Return each way to write, with the path that its errors should name."""
    model = made()
    model.build()
    backup, epochs = folder / "b" / "backup.nlstm", itertools.count(1)
    return {
        "save": (folder / "m", model, lambda: model.save(folder / "m")),
        "save_weights": (folder / "w", model, lambda: model.save_weights(folder / "w")),
        "ModelCheckpoint": (folder / "c", model, lambda: fit(model, ModelCheckpoint(folder / "c"))),
        "BackupAndRestore": (
            backup,
            model,
            lambda: fit(
                model,
                BackupAndRestore(folder / "b", 1, delete_checkpoint=False),
                epochs=next(epochs),  # more than the backup has
            ),
        ),
        "CSVLogger": (folder / "log", model, lambda: fit(model, CSVLogger(folder / "log"))),
    }


def fault_of(way, expected):
    """Call a way to write, which should fail; return what is wrong with how it did."""
    path, model, write = way
    try:
        write()
    except OSError as error:
        # What has to be made first may be named: the folder of a backup.
        named = str(error.filename) in (str(path), str(path.parent))
        if error.errno not in expected or not named:
            return repr(error), error.filename
    except BaseException as error:
        return repr(error)
    else:
        return "wrote"
    model.predict([[[0.0] * 3] * 4], verbose=0)  # it still works
    return None


def names(folder):
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))


def contents(folder):
    return {
        name: (folder / name).read_bytes() for name in names(folder) if (folder / name).is_file()
    }


def in_child(drill, job):
    """Do a job in a child, which says for each thing that it has looked at what was wrong."""
    child = Child(job)
    status = child.end()
    if child.lines[0] == "cannot":
        pytest.skip("this system lets nobody mount")
    drill.check(status == 0, child.lines)
    for line in child.lines:
        drill.check(line.endswith("None"), line)


@contextlib.contextmanager
def largest_file(size):
    """Have the system refuse to write any file longer than that, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_that_may_grow_no_more(tmp_path):
    """The write stops after some bytes, the first to the last but one."""
    ways, draw = written_by(tmp_path), random.Random(0)
    with Drill("writes that stop after some bytes") as drill:
        for name, way in ways.items():
            if name != "CSVLogger":
                way[2]()
        before = contents(tmp_path)
        del ways["CSVLogger"]  # which appends to what is there
        for name, way in ways.items():
            size = way[0].stat().st_size
            for limit in [0, 1, size - 1, *(draw.randrange(size) for _ in range(times(5, 100)))]:
                with largest_file(limit):
                    fault = fault_of(way, {errno.EFBIG})
                drill.check(not fault, f"{name}, {limit} bytes: {fault}")
                drill.check(contents(tmp_path) == before, f"{name}: other files than before")
        with largest_file(0):
            fault = fault_of(written_by(tmp_path)["CSVLogger"], {errno.EFBIG})
        drill.check(not fault, f"CSVLogger: {fault}")


def test_full_and_read_only_disks(tmp_path):
    """Real ones, of a child with mounts of its own: 64 KiB of memory, filled up, then read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def work(say):
        mount = own_mounts()
        if mount is None:
            say("cannot")
            return
        mount("tmpfs", folder, "tmpfs", 0, b"size=256k")
        ways = written_by(folder)
        for _, _, write in ways.values():
            write()
        with contextlib.suppress(OSError), open(folder / "filling", "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        before = contents(folder)
        for _ in range(times(2, 50)):
            for name, way in ways.items():
                if name != "CSVLogger":
                    say(name, "full", fault_of(way, {errno.ENOSPC}))
                    say(name, "kept", None if contents(folder) == before else "other files")
        mount(None, folder, None, 1 | 32)  # read-only, remounted
        for name, way in ways.items():
            say(name, "read-only", fault_of(way, {errno.EROFS, errno.EACCES}))
            say(name, "kept", None if contents(folder) == before else "other files")

    with Drill("writes to a disk that is full, or read-only") as drill:
        in_child(drill, work)


def test_without_permission():
    """As another user where the tests are run by root, whom modes do not stop."""
    folder = Path(tempfile.mkdtemp())
    (folder / "b").mkdir()

    def work(say):
        ways = written_by(folder)
        for _, _, write in ways.values():
            write()
        before = contents(folder)
        folder.chmod(0o555)
        (folder / "b").chmod(0o555)
        (folder / "log").chmod(0o444)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
        for name, way in ways.items():
            say(name, "in a folder", fault_of(way, {errno.EACCES}))
        say("all kept", None if contents(folder) == before else "other files")
        for one in (folder / "b" / "backup.nlstm", folder / "m"):
            with contextlib.suppress(PermissionError):
                os.seteuid(0)
            one.chmod(0o000)
            if os.geteuid() == 0:
                os.seteuid(NOBODY)
        model = ways["save"][1]
        reads = {
            "m": lambda: load_model(folder / "m"),
            "b/backup.nlstm": lambda: fit(model, BackupAndRestore(folder / "b")),
        }
        for name, read in reads.items():
            say(name, "read", fault_of((folder / name, model, read), {errno.EACCES}))

    try:
        with Drill("reads and writes without permission") as drill:
            in_child(drill, work)
    finally:
        folder.chmod(0o755)
        (folder / "b").chmod(0o755)
        shutil.rmtree(folder)


def test_paths_that_are_folders(tmp_path):
    for name in ("m", "w", "c", "log", "b/backup.nlstm"):
        (tmp_path / name).mkdir(parents=True)
    ways = written_by(tmp_path)
    with Drill("paths that are folders, or go through files") as drill:
        for name, way in ways.items():
            fault = fault_of(way, {errno.EISDIR})
            drill.check(not fault, f"{name}: {fault}")
        for name in ("m", "w", "c", "log"):
            (tmp_path / name).rmdir()
        shutil.rmtree(tmp_path / "b")
        (tmp_path / "file").touch()
        for name, way in written_by(tmp_path / "file").items():
            fault = fault_of(way, {errno.ENOTDIR, errno.EEXIST})
            drill.check(not fault, f"{name}: {fault}")
        drill.check(names(tmp_path) == ["file"], f"{names(tmp_path)} are left")


def moments(first):
    """Return epochs and batches at which something happens to a fit."""
    return [(epoch, batch) for epoch in range(first, 4) for batch in range(0, 7, times(3, 1))]


def removal(folder, moment):
    """Return a callback that removes a folder at a batch of an epoch."""
    epochs = []

    def remove(batch, logs):
        if (epochs[-1], batch) == moment:
            shutil.rmtree(folder, ignore_errors=True)

    return LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epochs.append(epoch), on_train_batch_end=remove
    )


def test_a_folder_that_is_removed_while_fit_runs(tmp_path):
    """Callbacks make their folders anew; a log that has gone is an error that names it."""
    whole, folder = made(), tmp_path / "f"
    fit(whole)

    def log(model, moment):
        folder.mkdir()
        path = folder / "log"
        return path, model, lambda: fit(model, CSVLogger(path), removal(folder, moment))

    with Drill("folders removed while fit runs") as drill:
        for moment in moments(0):
            model, path = made(), folder / "m"
            backup = BackupAndRestore(folder / "b", 2)
            fit(model, removal(folder, moment), ModelCheckpoint(path), backup)
            same = digest(model) == digest(whole) == digest(load_model(path))
            drill.check(same and names(folder) == ["m"], f"{moment}: {names(folder)}")
            shutil.rmtree(folder)
            fault = fault_of(log(made(), moment), {errno.ENOENT})
            drill.check(not fault, f"{moment}: {fault}")


def test_a_folder_that_goes_between_two_steps_of_a_write(tmp_path, monkeypatch):
    """At the worst moments: before the file is flushed, and before it takes its name."""
    model = made()
    model.build()
    folder = tmp_path / "f"
    with Drill("folders removed inside a write") as drill:
        for module, moment in (
            (whole_file, "_keep_rights"),
            (whole_file, "_flush_to_disk"),
            (os, "replace"),
        ):
            folder.mkdir()
            step = getattr(module, moment)

            def gone(*arguments, step=step):
                shutil.rmtree(folder)
                return step(*arguments)

            monkeypatch.setattr(module, moment, gone)
            way = folder / "m", model, lambda: model.save(folder / "m")
            fault = fault_of(way, {errno.ENOENT})
            monkeypatch.undo()
            drill.check(not fault and not folder.exists(), f"{moment}: {fault}")


def test_a_fit_goes_on_when_the_disk_has_room_again(tmp_path):
    whole = made()
    fit(whole)

    def kept(model, folder):
        path = folder / "backup.nlstm"
        return path, model, lambda: fit(model, BackupAndRestore(folder, 2))

    with Drill("fits that go on after a full disk") as drill:
        for epoch, batch in moments(1):
            folder = tmp_path / f"{epoch}-{batch}"
            with pytest.raises(Stop):
                fit(made(), BackupAndRestore(folder, 2), interrupt(epoch, batch))
            with largest_file(1000):
                fault = fault_of(kept(made(), folder), {errno.EFBIG})
            drill.check(not fault, fault)
            model = made()
            fit(model, BackupAndRestore(folder, 2))
            drill.check(digest(model) == digest(whole), "other bits")
