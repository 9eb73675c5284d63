"""Files that are damaged anywhere are never taken for whole: models, weights, backups."""

import threading

import numpy as np
import pytest

from nlstm.callbacks import BackupAndRestore
from nlstm.models import load_model
from tests.callbacks.test_backup import Stop, fit, interrupt, made
from tests.drills.children import Child, digest, needs_fork
from tests.drills.counts import Drill, times

EVERY = times(211, 10)  # bytes
MASKS = times((0xFF,), (0x01, 0x80, 0xFF))


def flipped(content):
    for place in range(0, len(content), EVERY):
        for mask in MASKS:
            changed = bytearray(content)
            changed[place] ^= mask
            yield f"byte {place} ^ {mask:#x}", changed


def cut(content):
    for size in range(0, len(content), EVERY):
        yield f"{size} bytes", content[:size]
        yield f"zeros from byte {size}", content[:size] + bytes(len(content) - size)


def longer(content):
    for size in range(1, 400, EVERY):
        yield f"{size} zeros more", content + bytes(size)
        yield f"{size} of its bytes more", content + content[:size]


@pytest.fixture(scope="module")
def trained():
    model = made()
    fit(model, epochs=1)
    return model


def model_file(model, path):
    model.save(path)
    return load_model


def weight_file(model, path):
    model.save_weights(path)
    return model.load_weights


def backup_file(model, path):
    with pytest.raises(Stop):
        fit(made(), BackupAndRestore(path.parent, 3), interrupt(2, 3))
    return lambda path: fit(model, BackupAndRestore(path.parent, 3))


@pytest.mark.parametrize("damage", [flipped, cut, longer])
@pytest.mark.parametrize("written", [model_file, weight_file, backup_file])
def test_damage(trained, tmp_path, written, damage):
    path = tmp_path / "backup.nlstm"
    load = written(trained, path)
    content, before = path.read_bytes(), digest(trained)
    name = f"{written.__name__.replace('_', ' ')} of {len(content):,} bytes, {damage.__name__}"
    with Drill(name) as drill:
        for what, changed in damage(content):
            if changed == content:
                continue  # zeros in place of zeros
            path.write_bytes(changed)
            try:
                load(path)
                fault = "was loaded"
            except ValueError as error:
                fault = "" if str(error).startswith(str(path)) else repr(error)
            except BaseException as error:
                fault = repr(error)
            if digest(trained) != before:
                fault += " the model has changed"
            drill.check(not fault, f"{what}: {fault}")


@needs_fork
def test_a_file_that_is_rewritten_while_it_is_read(tmp_path):
    """Somebody cuts a file and fills it again in place: readers see it whole, or say no."""
    path, model = tmp_path / "m", made()
    model.build()
    model.save(path)
    content = path.read_bytes()
    expected = [one.tobytes() for one in model.get_weights()]

    def work(say):
        for _ in range(times(50, 2000)):
            try:
                found = [one.tobytes() for one in load_model(path).get_weights()]
                say("right" if found == expected else "wrong")
            except ValueError as error:
                say("refused" if str(error).startswith(str(path)) else repr(error))

    done = threading.Event()

    def rewrite():
        draw = np.random.default_rng(0)
        while not done.is_set():
            with open(path, "r+b") as file:
                size = int(draw.integers(len(content)))
                file.truncate(size)
                file.seek(size)
                file.write(content[size:])

    with Drill("reads of a file that is rewritten in place") as drill:
        child, writer = Child(work), threading.Thread(target=rewrite, daemon=True)
        writer.start()
        try:
            status = child.end()
        finally:
            done.set()
            writer.join(20)
        drill.check(status == 0, f"the reader ended with {status}")
        for line in child.lines:
            drill.check(line in ("right", "refused"), line)
            drill.note(line)
