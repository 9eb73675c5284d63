"""`get_file` without a network: a copy that is already there, or what to do."""

import hashlib
import os
from typing import Any

__all__ = ["get_file"]


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file that Keras has downloaded or that you have put in its place.

    Parameters
    ----------
    fname : str or path
        Its name in the cache, or an absolute path; by default the end of `origin`.
    origin : str, optional
        Where it comes from, for the error: nlstm downloads nothing.
    untar, extract : bool
        Whether an archive was unpacked beside the file: its folder is returned if it is there.
    md5_hash, file_hash : str, optional
        What the file's content must be.
    cache_subdir : str, default "datasets"
    hash_algorithm : {"auto", "md5", "sha256"}
        "auto" goes by the length.
    archive_format, force_download
        For old code; without effect.
    cache_dir : path, optional
        By default KERAS_HOME, else .keras in the home folder.

    Raises
    ------
    FileNotFoundError
        It is not there; the message says where it is expected.
    ValueError
        It is another file.
    """
    name = os.fspath(fname or os.path.basename(origin or ""))
    if not name:
        raise ValueError("get_file needs fname or origin.")
    home = cache_dir or os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    path = os.path.join(os.path.expanduser(os.fspath(home)), cache_subdir, name)
    if untar or extract:
        folder = path.removesuffix(".gz").removesuffix(".tar").removesuffix(".zip")
        for found in (path + "_extracted", folder):
            if os.path.isdir(found):
                return found
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"nlstm downloads nothing, and {path} is not there: download "
            f"{origin or 'it'} and put it at that path."
        )
    _check_hash(path, file_hash or md5_hash, hash_algorithm)
    return path


def _check_hash(path: str, wanted: str | None, algorithm: str) -> None:
    if wanted is None or os.path.isdir(path):
        return
    if algorithm == "auto":
        algorithm = "sha256" if len(wanted) == 64 else "md5"
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != wanted.lower():
        raise ValueError(f"{path} has {algorithm} {found}; expected {wanted}.")
