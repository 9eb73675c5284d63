"""What the ending of a name says of the format, and what the first bytes of a file say."""

import os

__all__ = ["check_ending", "foreign_format"]

# Endings by which Keras writes other formats: the format, and what to write in its place.
KERAS_FORMATS = {
    ".weights.h5": ("HDF5 file of weights", ".weights.safetensors"),
    ".keras": (".keras archive", ".nlstm"),
    ".h5": ("HDF5 file", ".nlstm"),
    ".hdf5": ("HDF5 file", ".nlstm"),
}
FIRST_BYTES = {b"PK\x03\x04": "a .keras archive or another zip file", b"\x89HDF": "an HDF5 file"}


def check_ending(name: str, path: str) -> None:
    """Raise a ValueError for a path whose ending asks for one of Keras's formats."""
    for ending, (kind, own) in KERAS_FORMATS.items():
        if path.lower().endswith(ending):
            better = os.path.basename(path[: -len(ending)]) + own
            raise ValueError(
                f"{name} {path!r} ends in {ending!r}, as Keras calls its {kind}s; nlstm does not "
                f"write them. Give its own format another ending, such as {better!r}."
            )


def foreign_format(path: str) -> str | None:
    """Return what a file is that some other library reads, if its first bytes tell."""
    with open(path, "rb") as file:
        start = file.read(4)
    return FIRST_BYTES.get(start)
