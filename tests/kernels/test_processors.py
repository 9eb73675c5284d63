"""What the system tells of caches, or does not."""

import pytest

from nlstm.kernels.cpu.machine.processors import last_level_bytes

MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    "sizes, wanted",
    [
        (["48K", "1024K", "32M\n"], 32 * MEBIBYTE),
        (["1G"], 1024 * MEBIBYTE),
        (["65536"], 65536),
        ([], 16 * MEBIBYTE),
        (["", "unknown", "-1K", "0K", "\xb2K"], 16 * MEBIBYTE),
        (["2M", None], 2 * MEBIBYTE),
    ],
    ids=str,
)
def test_the_largest_cache(tmp_path, sizes, wanted):
    for number, size in enumerate(sizes):
        file = tmp_path / f"index{number}" / "size"
        file.parent.mkdir()
        if size is None:
            file.mkdir()  # cannot be read
        else:
            file.write_text(size, encoding="utf-8")
    assert last_level_bytes(tmp_path) == wanted
