"""Files on the disk: opened only if they are files, and replaced by whole ones in one step."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Literal

__all__ = ["kind_of", "open_regular", "replacing"]

_KINDS = {
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


# ---- Open ------------------------------------------------------------------------------------


def kind_of(status: os.stat_result) -> str | None:
    """Return what has this status, such as "a FIFO", or None if it is a regular file."""
    kind = stat.S_IFMT(status.st_mode)
    return None if kind == stat.S_IFREG else _KINDS.get(kind, "no regular file")


def open_regular(
    path: str | os.PathLike[str], mode: Literal["rb", "ab"] = "rb", who: str = ""
) -> BinaryIO:
    """Open a regular file, and nothing else; never wait for whoever is at a FIFO's other end.

    Parameters
    ----------
    path : str or path-like
        The file; symbolic links are followed.
    mode : {"rb", "ab"}, default="rb"
        To read it, or to append to it, where a file that is missing is made.
    who : str, default=""
        Who speaks in the message, such as "load".

    Returns
    -------
    binary file
        The file, buffered.

    Raises
    ------
    OSError
        If it cannot be opened, or is a FIFO, a device, a socket or a folder: that has not been
        touched then.
    """
    try:
        _check_regular(path, os.stat(path), who)  # opening a FIFO or a device may have effects
    except FileNotFoundError:
        if mode == "rb":
            raise
    file = open(path, mode, opener=_without_waiting)  # noqa: SIM115
    try:
        _check_regular(path, os.fstat(file.fileno()), who)  # another may be there by now
    except OSError:
        file.close()
        raise
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0), 0o666)


def _check_regular(path: str | os.PathLike[str], status: os.stat_result, who: str) -> None:
    kind = kind_of(status)
    if kind is not None:
        sort = IsADirectoryError if stat.S_ISDIR(status.st_mode) else OSError
        raise sort(f"{who and f'{who}: '}{os.fspath(path)!r} is {kind}: expected a regular file.")


# ---- Write -----------------------------------------------------------------------------------


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write, which takes the place of `path` once all of it is on the disk.

    Whoever reads `path`, whenever the writing stops, finds the old file or the new one. A
    process that is killed may leave a file of the same name that ends in ``.part``.
    """
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """Have the folder's new entry on the disk too, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
