"""Where files go, with which rights, and what else is no place for one."""

import os
import stat
import sys
import threading

import numpy as np
import pytest

from nlstm.callbacks import BackupAndRestore, CSVLogger, ModelCheckpoint
from nlstm.files import whole_file
from nlstm.layers import Dense, Input
from nlstm.models import Sequential, load_model

POSIX = pytest.mark.skipif(os.name != "posix", reason="files have no modes here")


@pytest.fixture
def model():
    return Sequential([Input((4,)), Dense(2)])


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# Endings and kinds of paths


@pytest.mark.parametrize(
    "ending, call",
    [(".weights.h5", "save"), (".WEIGHTS.H5", "save"), (".keras", "save_weights")],
)
def test_keras_endings_of_the_other_kind_are_refused(model, tmp_path, ending, call):
    path = tmp_path / f"m{ending}"
    weights = call == "save_weights"
    for write in (
        getattr(model, call),
        lambda path: ModelCheckpoint(path, "loss", save_weights_only=weights),
    ):
        with pytest.raises(ValueError, match=r"as Keras calls files of .*'\.(nlstm|weights)"):
            write(path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "start, kind", [(b"PK\x03\x04", "File is not a zip"), (b"\x89HDF", "HDF5")]
)
def test_keras_files_are_known_by_their_content(model, tmp_path, start, kind):
    pytest.importorskip("h5py")
    path = tmp_path / "m.nlstm"
    path.write_bytes(start * 50)
    for load in (load_model, model.load_weights):
        with pytest.raises(ValueError, match=f"m.nlstm cannot be loaded: .*{kind}"):
            load(path)


@pytest.mark.parametrize("wrong", [True, 1, 2.5, None, ["m"]])
def test_only_paths_are_paths(model, wrong):
    for call in (load_model, model.save, model.load_weights, model.save_weights, CSVLogger):
        with pytest.raises(TypeError, match="file(path|name) must be the path of a file; got"):
            call(wrong)
    with pytest.raises(TypeError, match="filepath must be the path of a file"):
        ModelCheckpoint(wrong)
    with pytest.raises(TypeError, match="backup_dir must be the path of a folder"):
        BackupAndRestore(wrong)
    os.fstat(1)  # is still open


@pytest.mark.parametrize("wrong", ["", "a\0b"])
def test_what_is_no_name(model, wrong):
    for call in (load_model, model.save):
        with pytest.raises(ValueError, match="filepath must name a file"):
            call(wrong)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_paths_of_bytes(model, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.nlstm"
    model.save(path)
    np.testing.assert_array_equal(load_model(path).get_weights()[0], model.get_weights()[0])


def test_arguments_of_save_that_would_change_the_file(model, tmp_path):
    model.save(tmp_path / "m", zipped=None, include_optimizer=True)
    for name, value in (("save_format", "h5"), ("include_optimizer", False), ("zipped", True)):
        with pytest.raises(ValueError, match=f"one format: {name} cannot be {value!r}"):
            model.save(tmp_path / "n", **{name: value})
    with pytest.raises(TypeError, match="save has no argument 'overwite'"):
        model.save(tmp_path / "n", overwite=False)
    assert names(tmp_path) == ["m"]


# Rights


@POSIX
def test_the_umask_is_applied_and_never_touched(model, tmp_path, monkeypatch):
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("umask is of all threads"))
        model.save(tmp_path / "m")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert mode(tmp_path / "m") == 0o640


@POSIX
@pytest.mark.parametrize("rights", [0o600, 0o664])
def test_a_file_keeps_its_mode(model, tmp_path, rights):
    path = tmp_path / "m"
    path.touch()
    path.chmod(rights)
    model.save(path)
    assert mode(path) == rights


@POSIX
def test_where_a_group_cannot_be_kept_it_gets_no_more_than_everybody(tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.touch()
    path.chmod(0o664)

    def refuse(*arguments):
        raise PermissionError

    with open(tmp_path / "new", "wb") as file:
        own = os.fstat(file.fileno())
        other = os.stat_result([*own[:4], own.st_uid + 1, own.st_gid + 1, *own[6:]])
        monkeypatch.setattr(os, "fchown", refuse)
        monkeypatch.setattr(os, "fstat", lambda handle: other)
        whole_file._keep_rights(str(path), file.fileno())
    assert mode(tmp_path / "new") == 0o644


@POSIX
def test_symbolic_links_stay(model, tmp_path):
    (tmp_path / "there").mkdir()
    for number, target in enumerate(["there/m", "there/not-yet"]):
        link = tmp_path / f"link{number}"
        link.symlink_to(target)
        if number == 0:
            (tmp_path / target).touch()
        model.save(link)
        assert link.is_symlink() and (tmp_path / target).stat().st_size > 100
    assert names(tmp_path / "there") == ["m", "not-yet"]
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links lead nowhere"):
        model.save(tmp_path / "a")


@POSIX
def test_no_device_is_replaced(model, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="device or a pipe"):
        model.save(tmp_path / "pipe")
    assert names(tmp_path) == ["pipe"]


def test_a_file_that_may_not_be_written(model, tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, how: False)  # for root may write all
    with pytest.raises(PermissionError, match="may not be written"):
        model.save(path)
    assert path.read_bytes() == b"old"


def test_errors_name_the_file(model, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        model.save(tmp_path / "absent" / "m")
    assert error.value.filename == str(tmp_path / "absent" / "m")


@POSIX
def test_a_folder_that_has_gone_from_under_the_process(model, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for call in (model.save, load_model):
        with pytest.raises(FileNotFoundError) as error:
            call("m")
        assert error.value.filename == "m"


@pytest.mark.parametrize("letter", ["m", "\N{GREEK SMALL LETTER MU}"])
def test_names_as_long_as_they_may_be(model, tmp_path, letter):
    name = letter * (255 // len(letter.encode()))
    model.save(tmp_path / name)
    assert names(tmp_path) == [name]
    left = tmp_path / f".{whole_file._mark(name)}.{'0a' * 16}.partial"
    left.touch()
    model.save(tmp_path / name)
    assert names(tmp_path) == [name]
    load_model(tmp_path / name)


# What killed writers leave


def test_the_next_writer_removes_what_killed_ones_left(model, tmp_path):
    left = tmp_path / f".m.{'0a' * 16}.partial"
    others = [tmp_path / f".n.{'0a' * 16}.partial", tmp_path / ".m.notes.partial"]
    for path in (left, *others):
        path.write_bytes(b"half")
    model.save(tmp_path / "m")
    assert names(tmp_path) == sorted(["m", *(one.name for one in others)])


@POSIX
def test_a_writer_at_work_keeps_its_file(model, tmp_path):
    busy = tmp_path / f".m.{'0a' * 16}.partial"
    with open(busy, "wb") as file:
        assert whole_file._lock(file.fileno())
        model.save(tmp_path / "m")
        assert busy.exists()
    model.save(tmp_path / "m")
    assert not busy.exists()


def test_two_writers_of_one_file(tmp_path):
    path, contents = str(tmp_path / "m"), [bytes([n]) * 50_000 for n in range(2)]
    faults = []

    def write(content):
        for _ in range(40):
            whole_file.write_whole(path, content)
            with open(path, "rb") as file:
                if file.read() not in contents:
                    faults.append(content[0])

    threads = [threading.Thread(target=write, args=(one,)) for one in contents]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert faults == [] and names(tmp_path) == ["m"]


# Other systems, as far as they can be played


def test_without_locks_and_modes_as_on_windows(model, tmp_path, monkeypatch):
    monkeypatch.setattr(whole_file, "fcntl", None)
    monkeypatch.delattr(os, "fchmod", raising=False)
    monkeypatch.setattr(whole_file, "SECONDS", 0)
    refused, replace, opened = [], os.replace, os.open

    def busy(*paths):
        refused.append(paths)
        if len(refused) < 3:
            raise PermissionError("the file is in use")
        replace(*paths)

    def no_folders(path, *arguments, **options):
        if os.path.isdir(path):
            raise PermissionError
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr(os, "open", no_folders)
    path, left = tmp_path / "m", tmp_path / f".m.{'0a' * 16}.partial"
    path.touch()
    left.touch()
    model.save(path)
    assert len(refused) == 3
    assert left.exists()  # its writer may be waiting for the target
    os.utime(left, (0, 0))
    model.save(path)
    assert names(tmp_path) == ["m"]
    monkeypatch.setattr(
        os, "replace", lambda *paths: (_ for _ in ()).throw(PermissionError("used"))
    )
    with pytest.raises(PermissionError, match="used"):
        model.save(path)
    assert names(tmp_path) == ["m"]


@POSIX
@pytest.mark.parametrize("fails", [False, True])
def test_the_whole_way_to_the_disk_on_macos(model, tmp_path, monkeypatch, fails):
    class MacOS:
        F_FULLFSYNC, LOCK_EX, LOCK_NB = 51, 2, 4
        asked: list = []

        def fcntl(self, handle, command):
            self.asked.append(command)
            if fails:
                raise OSError("not on this file system")

        def flock(self, handle, how):
            raise OSError("nor locks")

    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), fsync(handle)))
    monkeypatch.setattr(whole_file, "fcntl", MacOS())
    model.save(tmp_path / "m")
    assert MacOS.asked.pop() == 51
    assert len(synced) == 1 + fails  # the folder; the file too where there is no better


# Hostile files


def test_layers_larger_than_the_file_are_refused_before_they_are_made(tmp_path, monkeypatch):
    import json

    from safetensors import safe_open

    from nlstm.files.arrays_file import MODEL, write_arrays
    from nlstm.plan.parameters import ParameterBuffer

    model = Sequential([Input((4,)), Dense(2)])
    model.save(tmp_path / "m")
    with safe_open(tmp_path / "m", "numpy") as file:
        config, arrays = file.metadata()["config"], {k: file.get_tensor(k) for k in file.keys()}
    monkeypatch.setattr(ParameterBuffer, "__init__", lambda *a: pytest.fail("took memory"))
    wide, many = json.loads(config), json.loads(config)
    layers = wide["model"]["config"]["layers"]
    layers[0]["config"]["units"] = 10**9
    write_arrays(tmp_path / "wide", MODEL, arrays, {"config": json.dumps(wide)})
    with pytest.raises(ValueError, match=r"dense/kernel of shape \(4, 2\); the model's has shape"):
        load_model(tmp_path / "wide")
    many["model"]["config"]["layers"] *= 10_000
    write_arrays(tmp_path / "many", MODEL, arrays, {"config": json.dumps(many)})
    with pytest.raises(ValueError, match="config has 10000 layers with weights; it holds 2 arrays"):
        load_model(tmp_path / "many")
