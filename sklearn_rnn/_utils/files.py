"""Files on the disk: opened only if they are regular ones, and replaced in one step."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Literal

__all__ = ["atomic_write", "check_replaceable", "kind_of", "open_regular", "read_regular"]

_KINDS = {
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}

_MOST_LINKS = 40
"""Symbolic links that are followed one after another, as many as Linux follows."""

_ACCESS_LIST = "system.posix_acl_access"
"""The extended attribute with the permissions of further users and groups."""


# ---- Open ------------------------------------------------------------------------------------


def kind_of(status: os.stat_result) -> str | None:
    """Return what kind of file has this status, such as "a FIFO"; None for a regular one."""
    kind = stat.S_IFMT(status.st_mode)
    return None if kind == stat.S_IFREG else _KINDS.get(kind, "no regular file")


def open_regular(
    path: str | os.PathLike[str], mode: Literal["rb", "ab"] = "rb", who: str = ""
) -> BinaryIO:
    """Open a file only if it is a regular one; never wait for the other end of a FIFO.

    Parameters
    ----------
    path : str or path-like
        The file; symbolic links are followed.
    mode : {"rb", "ab"}, default="rb"
        To read it, or to append to it, which creates a missing file.
    who : str, default=""
        The function or estimator that messages name, such as "load".

    Returns
    -------
    binary file
        The file, buffered.

    Raises
    ------
    OSError
        If it cannot be opened, or is a FIFO, a device, a socket or a folder, which is not touched
        then.
    """
    try:
        _check_regular(path, os.stat(path), who)  # opening a FIFO or a device has side effects
    except FileNotFoundError:
        if mode == "rb":
            raise
    file = open(path, mode, opener=_open_nonblocking)  # noqa: SIM115
    try:
        _check_regular(path, os.fstat(file.fileno()), who)  # it may have been replaced
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: str | os.PathLike[str], who: str = "") -> bytes:
    """Return the content of a regular file, opened by `open_regular`."""
    with open_regular(path, who=who) as file:
        return file.read()


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0), 0o666)


def _check_regular(path: str | os.PathLike[str], status: os.stat_result, who: str) -> None:
    kind = kind_of(status)
    if kind is not None:
        sort = IsADirectoryError if stat.S_ISDIR(status.st_mode) else OSError
        raise sort(f"{who and f'{who}: '}{os.fspath(path)!r} is {kind}: expected a regular file.")


# ---- Write -----------------------------------------------------------------------------------


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces `path` once all of it is on the disk.

    Whoever reads `path`, whenever the writing is interrupted, finds the old file or the new one.
    A process that is killed may leave a hidden file beside it whose name ends in ``.part``.

    The effect is that of writing into the old file: its mode, access list and extended attributes
    stay, its owner and group where the process may set them, and symbolic links are followed. At
    no moment can more users read the new file than the old one. Only another hard link keeps the
    old content: a single name changes in one step.

    Raises
    ------
    OSError
        If the file cannot be written, or exists and is protected or not a regular file.
    """
    target, old = _target(path)
    part = _part_beside(target)
    try:
        with _create(part, target, old) as file:
            yield file
            file.flush()
            _copy_permissions(file.fileno(), target)
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _fsync_folder(target.parent)


def check_replaceable(path: Path, who: str = "") -> None:
    """Raise what `atomic_write` would raise, as far as that is known before writing."""
    target, old = _target(path, who)
    part = _part_beside(target)
    _create(part, target, old).close()
    part.unlink(missing_ok=True)


def _target(path: Path, who: str = "") -> tuple[Path, os.stat_result | None]:
    """Return the file that a path leads to, and its status if it exists."""
    old = _status(path)
    for _ in range(_MOST_LINKS):
        if not path.is_symlink():
            break
        path = path.parent / os.readlink(path)
    if old is not None:
        _check_regular(path, old, who)
        _check_may_be_replaced(path, old)
    return path, old


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _check_may_be_replaced(path: Path, old: os.stat_result) -> None:
    """Raise if a file is protected: to replace it, write permission for its folder would do."""
    may = os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    folder = os.stat(path.parent)
    if os.name == "posix" and folder.st_mode & stat.S_ISVTX:  # as /tmp, where all may write
        may &= os.geteuid() in (0, old.st_uid, folder.st_uid)
    if not may:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))


def _part_beside(path: Path) -> Path:
    # Shortened: the name of the file may already be as long as names can be.
    return path.with_name(f".{path.name[:32]}.{token_hex(4)}.part")


def _create(part: Path, target: Path, old: os.stat_result | None) -> BinaryIO:
    """Create a file: with the umask, or for its owner only until it gets the old file's mode."""
    mode = 0o666 if old is None else old.st_mode & 0o600
    try:
        return open(part, "xb", opener=lambda path, flags: os.open(path, flags, mode))
    except OSError as error:  # which names the part; the user knows only the target
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error


def _copy_permissions(handle: int, path: Path) -> None:
    """Give an open file the owner, group and permissions of the one at `path`, if it exists."""
    old = _status(path)
    if old is None or os.name != "posix":
        return
    with suppress(OSError):
        os.fchown(handle, -1, old.st_gid)
    has_all = _copy_attributes(handle, path) and os.fstat(handle).st_gid == old.st_gid
    mode = old.st_mode & 0o777
    if not has_all:  # group and others are other users now: both get what both had
        common = mode >> 3 & mode & 0o7
        mode = mode & 0o700 | common << 3 | common
    with suppress(OSError):  # on file systems without modes
        os.fchmod(handle, mode)
    with suppress(OSError):
        os.fchown(handle, old.st_uid, -1)


def _copy_attributes(handle: int, path: Path) -> bool:
    """Copy a file's extended attributes; return False if that fails for its access list."""
    if not hasattr(os, "listxattr"):
        return True
    with suppress(OSError):  # the folder's default list, which the old file may not have
        os.removexattr(handle, _ACCESS_LIST)
    copied = True
    with suppress(OSError):  # on file systems without attributes
        for name in os.listxattr(path):
            if name.startswith("user.") or name in (_ACCESS_LIST, "security.selinux"):
                try:
                    os.setxattr(handle, name, os.getxattr(path, name))
                except OSError:
                    copied &= name != _ACCESS_LIST
    return copied


def _fsync_folder(folder: Path) -> None:
    """Write the folder's new entry to the disk, too, where the system can."""
    if os.name == "posix":
        with suppress(PermissionError):  # write permission without read permission
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
