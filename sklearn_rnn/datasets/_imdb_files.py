"""The IMDB reviews as files: where they are, and one pass over all of them.

Nothing is ever extracted, so the folder with the archive may be read-only.
"""

import re
import sys
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, BinaryIO, NamedTuple, NoReturn

from .._utils.compressed import open_gzip, open_xz
from .._utils.files import open_regular
from ..exceptions import DatasetError
from ._tar import TarStream

__all__ = ["ARCHIVES", "FOLDER", "Review", "find_reviews", "read_reviews"]

FOLDER = "aclImdb"
ARCHIVES: dict[str, Callable[[BinaryIO], IO[bytes]]] = {
    "aclImdb_v1.tar": lambda file: file,
    "aclImdb_v1.tar.gz": open_gzip,
    "aclImdb_v1.tar.xz": open_xz,
}

_MAX_REVIEW_BYTES = 2**20
"""The longest published review has 14,282 bytes."""

# How large an archive may become: a constant, and a factor of its own size. The published reviews
# take 231 MB of memory, their archive 215 MB unpacked, and 39 MB packed by xz.
_MAX_MEMORY = (2**25, 8)
_MAX_UNPACKED = (2**28, 16)
_REVIEW_BYTES = 1_000
"""Memory that a review takes besides its text."""

_REVIEW_FILE = re.compile(r"[0-9]+_[0-9]+\.txt")
_REVIEW_MEMBER = re.compile(
    rf"(?:\./)?{FOLDER}/((?:train|test)/(?:neg|pos|unsup))/({_REVIEW_FILE.pattern})"
)


class Review(NamedTuple):
    """One review file, ``<folder>/<number>_<rating>.txt``."""

    folder: str
    number: int
    rating: int
    filename: str
    text: str


def find_reviews(data_home: Path) -> Path | None:
    """Return the archive or else the unpacked folder at `data_home`, if there is one.

    The archive comes first: it can be checked for completeness, while a folder may be left over
    from an interrupted unpacking.
    """
    for name in (*ARCHIVES, FOLDER):
        if (data_home / name).exists():
            return data_home / name
    is_itself = any((data_home / part).is_dir() for part in ("train", "test"))
    return data_home if is_itself else None


def read_reviews(source: Path, folders: Collection[str]) -> Iterator[Review]:
    """Yield the reviews in `folders`, such as ``"train/neg"``, in no particular order.

    Parameters
    ----------
    source : Path
        What `find_reviews` found.
    folders : collection of str
        The folders to read; other members are checked and skipped.

    Yields
    ------
    Review
        One review.

    Raises
    ------
    DatasetError
        If `source` is damaged or unsafe.
    """
    if source.is_dir():
        yield from _read_folder(source, folders)
    else:
        yield from _read_archive(source, folders)


def _read_folder(root: Path, folders: Collection[str]) -> Iterator[Review]:
    for folder in folders:
        for file in (root / folder).glob("*.txt"):
            if _REVIEW_FILE.fullmatch(file.name):
                with open_regular(file, who="fetch_imdb") as opened:
                    content = opened.read(_MAX_REVIEW_BYTES + 1)
                yield _review(root, folder, file.name, content)


def _read_archive(path: Path, folders: Collection[str]) -> Iterator[Review]:
    try:
        with open_regular(path, who="fetch_imdb") as file:
            n_bytes = path.stat().st_size
            n_left = _MAX_MEMORY[0] + _MAX_MEMORY[1] * n_bytes
            stream = ARCHIVES[path.name](file)
            archive = TarStream(stream, _MAX_UNPACKED[0] + _MAX_UNPACKED[1] * n_bytes)
            for member in archive:
                name = _REVIEW_MEMBER.fullmatch(member.name)
                is_file = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
                if not ((name and is_file) or _is_safe(member)):
                    _refuse_member(path, member)
                if name and is_file and name[1] in folders:
                    _check_length(path, member.name, member.size)
                    review = _review(path, name[1], name[2], archive.read())
                    n_left -= sys.getsizeof(review.text) + _REVIEW_BYTES
                    if n_left < 0:
                        _refuse(path, "the published reviews, got more than they take", None)
                    yield review
    except (tarfile.TarError, EOFError, LZMAError, zlib.error) as error:
        _refuse(path, f"an intact archive, got: {error}. Delete it and get it again", error)


def _is_safe(member: tarfile.TarInfo) -> bool:
    """Return whether a member is a file or folder that would be unpacked inside the archive's.

    The published archive has no others. Sparse files are refused, too: they take no space, and
    may claim any number of zeros.
    """
    is_regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
    paths = PurePosixPath(member.name), PureWindowsPath(member.name)
    return is_regular and not any(path.anchor or ".." in path.parts for path in paths)


def _refuse_member(path: Path, member: tarfile.TarInfo) -> NoReturn:
    link = f" -> {member.linkname[:200]!r}" if member.linkname else ""
    _refuse(
        path,
        f"plain files inside {FOLDER}/, got the member {member.name[:200]!r}{link}. This is not "
        "the published archive; do not unpack it",
        None,
    )


def _check_length(path: Path, name: str, n_bytes: int) -> None:
    if n_bytes > _MAX_REVIEW_BYTES:
        _refuse(
            path,
            f"reviews of at most {_MAX_REVIEW_BYTES:,} bytes, got {n_bytes:,} in {name[:200]!r}",
            None,
        )


def _review(source: Path, folder: str, filename: str, content: bytes) -> Review:
    _check_length(source, f"{folder}/{filename}", len(content))
    number, rating = filename.removesuffix(".txt").split("_")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(source, f"UTF-8 in {folder}/{filename}, got: {error}. Get it again", error)
    return Review(folder, int(number), int(rating), f"{folder}/{filename}", text)


def _refuse(path: Path, expected_and_got: str, cause: Exception | None) -> NoReturn:
    raise DatasetError(f"fetch_imdb: '{path}': expected {expected_and_got}.") from cause
