"""Writing that is whole or not at all."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from utils.errors import InputError

AnyPath = str | os.PathLike[str]  # what public functions take; inside, a Path
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the user's share, what one may write


@contextmanager
def atomic_path(path: AnyPath) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well it becomes `path`.

    The temporary name keeps the ending, so that writers which go by it work, and begins with a
    dot, so that no loader counts it. If the block raises or the process is killed, `path` is what
    it was before. Parent folders are made.

    Raises:
        InputError: a folder lies where the file is to be, or a file where its folder is to be.
        OSError: the disk is full (the file is named), or the folder can't be written.
    """
    path = Path(path)
    keep_existing(path, overwrite=True)
    temporary = path.parent / f".{path.stem[:40]}-{uuid4().hex[:12]}{path.suffix}"
    try:
        with full_disk_told(path):
            temporary.touch(exist_ok=False)
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def full_disk_told(path: AnyPath) -> Iterator[None]:
    """Name the file where the disk is full: Python's own error of a write doesn't."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, f"{error.strerror}, make room", str(path)) from error


def keep_existing(output: AnyPath, overwrite: bool) -> None:
    """Before any work is done, make the folder of `output`.

    Raises:
        InputError: as `atomic_path`, or `output` is there and may not be replaced.
    """
    path = Path(output)
    if path.is_dir():
        raise InputError(f"{path} is a folder; a file is to be written there: move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        what = f"folder {path.parent} can't be made, for a file is in its place"
        raise InputError(f"{what}; move it, or name another") from error
    if path.exists() and not overwrite:
        raise InputError(
            f"{path} is there already; --overwrite replaces it, --output names another"
        )


def tell_stale(made: Mapping[Any, Iterable[AnyPath]]) -> None:
    """Print one line if files are older than one of those they were made from: {made: sources}."""
    time = os.path.getmtime
    if stale := [path for path in made if time(path) < max(map(time, made[path]))]:
        what = f"{len(stale)} files are older than what they were made from, such as {stale[0]}"
        print(f"note: {what}; remove those that are to be made anew")


def refuse_stand_in(path: AnyPath, what: str) -> None:
    """Raise InputError if, in place of `what`, a file is what a failed download leaves."""
    with Path(path).open("rb") as file:
        head = file.read(256)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head:
        found = ": it is empty (0 bytes); copy or download it again"
    elif start.startswith(b"version https://git-lfs.github.com"):
        found = " but a git-LFS pointer to it; fetch the file itself with `git lfs pull`"
    elif start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")):
        found = " but a web page; open it in a browser to see what went wrong, and download again"
    else:
        return
    raise InputError(f"{path} is no {what}{found}")
