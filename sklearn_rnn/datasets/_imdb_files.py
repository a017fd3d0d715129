"""The IMDB reviews as files: where they lie, and one pass over all of them.

Nothing is ever extracted, so the folder that holds the archive may be read-only.
"""

import re
import tarfile
import zlib
from collections.abc import Collection, Iterator
from gzip import BadGzipFile
from lzma import LZMAError
from pathlib import Path
from typing import IO, Literal, NamedTuple, NoReturn, cast

from ..exceptions import DatasetError

FOLDER = "aclImdb"
ARCHIVES: dict[str, Literal["r:", "r:gz", "r:xz"]] = {
    "aclImdb_v1.tar": "r:",
    "aclImdb_v1.tar.gz": "r:gz",
    "aclImdb_v1.tar.xz": "r:xz",
}

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

    The archive goes first: it knows where it ends, a folder left by an interrupted unpacking
    does not.
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
        The folders to read; other members are checked and passed over.

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
                yield _review(root, folder, file.name, file.read_bytes())


def _read_archive(path: Path, folders: Collection[str]) -> Iterator[Review]:
    try:
        with tarfile.open(path, ARCHIVES[path.name]) as archive:
            for member in archive:
                name = _review_name(path, member)
                if name and name[1] in folders:
                    content = cast("IO[bytes]", archive.extractfile(member)).read()
                    yield _review(path, name[1], name[2], content)
            _check_end(archive)
    except (tarfile.TarError, EOFError, BadGzipFile, LZMAError, zlib.error) as error:
        _refuse(path, f"an intact archive, got: {error}. Delete it and get it again", error)


def _review_name(path: Path, member: tarfile.TarInfo) -> re.Match[str] | None:
    """Match a review's name; refuse a member that unpacking should never meet.

    A plain file under a review's exact name cannot leave its folder. Only the others go
    through the filter, which looks at the disk: 100,000 times would double the reading time.
    """
    name = _REVIEW_MEMBER.fullmatch(member.name)
    if not (name and member.isreg()):
        _check_safe(path, member)
    return name


def _check_safe(path: Path, member: tarfile.TarInfo) -> None:
    unsafe: Exception | None = None
    try:
        # Nothing can lie below a file, so no link on this machine sways the filter.
        tarfile.data_filter(member, str(path))
    except tarfile.FilterError as error:
        unsafe = error
    # The filter would make an absolute name relative, and let links pass that stay inside;
    # the reviews have neither.
    if unsafe or member.name.startswith("/") or not (member.isreg() or member.isdir()):
        _refuse(
            path,
            f"plain files inside {FOLDER}/, got the member '{member.name}'"
            f"{f' -> {member.linkname!r}' if member.linkname else ''}. This is not the "
            f"published archive; do not unpack it",
            unsafe,
        )


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise unless the archive goes on to its end: a block of zeros, and a right checksum.

    `tarfile` stops silently at a damaged header, and where the file just ends.
    """
    stream = cast("IO[bytes]", archive.fileobj)
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"no valid member and no end mark at byte {archive.offset}")
    while stream.read(tarfile.RECORDSIZE):
        pass  # gzip and xz verify their checksums only when read to the end


def _review(source: Path, folder: str, filename: str, content: bytes) -> Review:
    number, rating = filename.removesuffix(".txt").split("_")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(source, f"UTF-8 in {folder}/{filename}, got: {error}. Get it again", error)
    return Review(folder, int(number), int(rating), f"{folder}/{filename}", text)


def _refuse(path: Path, expected_and_got: str, cause: Exception | None) -> NoReturn:
    raise DatasetError(f"fetch_imdb: '{path}': expected {expected_and_got}.") from cause
