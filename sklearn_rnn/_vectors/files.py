"""Reading word vectors from files starts here: which format a file has.

`_FORMATS` is the table of formats. A new one is a file beside this one, with a `VectorFormat`,
and a row in that table.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Container
from contextlib import ExitStack
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, cast

from .._utils.archives import open_zip
from .._utils.compressed import open_gzip
from .._utils.files import open_regular
from ..exceptions import VectorFileError
from .binary_format import BINARY
from .file_source import HEAD_BYTES, FileStart, OnVector, Source, SubwordLookup, VectorFormat
from .gensim_format import GENSIM
from .text_format import TEXT
from .unsupported_files import FOREIGN, foreign_members_hint

__all__ = ["read_vectors"]

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UNPACKABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_vectors(
    who: str, path: str | os.PathLike[str], vocabulary: Container[str], on_vector: OnVector
) -> SubwordLookup | None:
    """Read the vectors of some words from a file.

    Formats are told apart by content: GloVe's text (a word and its values on each line),
    word2vec's text, also called ``.vec`` (the same after a header ``n d``), and word2vec's
    binary; each plain, gzipped, or in a zip archive. The file is streamed: only what `on_vector`
    keeps stays in memory. Every row is checked for its width, and their number against the
    header; numbers are checked in the rows found. Rows whose word is not UTF-8 are skipped, with
    a warning.

    .. warning::
       gensim's own format, ``.kv``, is a pickle underneath: opening one can run any code, so
       open only what you trust. A file is opened in this way only if its name ends in ``.kv``
       (or ``.kv.gz``) and it starts as a pickle does; no text or word2vec binary ever is.
       An unpacked one is mapped into memory: all its words are loaded, but only the vectors of
       the rows found.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    path : str or path-like
        The file. ``archive.zip!member`` names one file of several in an archive.
    vocabulary : container of str
        The words to look for, spelled exactly as in the file.
    on_vector : callable
        Called with each of them that the file contains and its vector of shape (D,), in the
        order of the file. It may change the vocabulary.

    Returns
    -------
    callable or None
        What makes vectors of other words from their character n-grams, if the file is a
        fastText model.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    VectorFileError
        If the file is damaged, or of no format named above.
    ImportError
        If the file is a ``.kv`` and gensim is not installed.
    """
    name = os.fspath(path)
    archive, member = _archive_and_member(name)
    _check_is_file(who, name, archive)
    with ExitStack() as opened:
        file: Any = opened.enter_context(open_regular(archive, who=who))
        magic = file.peek(8)[:8]
        unpacked = _open_packed(opened, who, name, file, member) if _is_packed(magic) else file
        source = Source(who, name, cast(BinaryIO, unpacked), has_checksum=unpacked is not file)
        start = FileStart.of(archive, source.read(HEAD_BYTES))
        chosen = _choose_format(source, start)
        source.stream.seek(start.offset)
        subword_vector = chosen.open(source, start).send(vocabulary, on_vector)
        source.report_undecodable()
    return subword_vector


def _archive_and_member(name: str) -> tuple[str, str | None]:
    archive, mark, member = name.rpartition("!")
    if mark and not os.path.exists(name) and archive.lower().endswith(".zip"):
        return archive, member
    return name, None


def _check_is_file(who: str, name: str, archive: str) -> None:
    if not os.path.exists(archive):
        raise FileNotFoundError(f"{who}: expected a file of word vectors, found none at {name!r}.")
    if not os.path.isfile(archive):
        kind = "a directory" if os.path.isdir(archive) else "no regular file"
        raise VectorFileError(
            f"{who}: expected a file of word vectors, but {name!r} is {kind}. "
            "Pass the path of the file itself."
        )


# ---- packed files --------------------------------------------------------------------------


def _is_packed(magic: bytes) -> bool:
    return magic.startswith((_GZIP, *_ZIP))


def _open_packed(
    opened: ExitStack, who: str, name: str, file: BinaryIO, member: str | None
) -> io.BufferedReader:
    if file.read(2) == _GZIP:
        return opened.enter_context(open_gzip(file, HEAD_BYTES))
    raw = opened.enter_context(_open_member(opened, who, name, file, member))
    return opened.enter_context(io.BufferedReader(raw, HEAD_BYTES))


def _open_member(
    opened: ExitStack, who: str, name: str, file: BinaryIO, member: str | None
) -> Any:
    try:
        # Any method: how the other members of an archive are packed does not matter.
        archive = opened.enter_context(open_zip(file, methods=range(2**16)))
        chosen = archive.getinfo(_chosen_member(who, name, archive, member))
        if chosen.compress_type not in _UNPACKABLE:
            raise VectorFileError(
                f"{who}: {name!r} contains {_excerpt(chosen.filename)} compressed by bzip2, LZMA "
                "or another method that may fill the memory. Unpack it and pass the file inside, "
                "or that packed with gzip."
            )
        return archive.open(chosen)
    except VectorFileError:
        raise
    # zipfile lets more than BadZipFile through for damaged, encrypted or exotic archives.
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise VectorFileError(
            f"{who}: {name!r} cannot be unpacked ({error}). The archive is damaged or locked: "
            "fetch it again, or unpack it and pass the file inside."
        ) from error


def _chosen_member(who: str, name: str, archive: zipfile.ZipFile, member: str | None) -> str:
    files = [info.filename for info in archive.infolist() if not info.is_dir()]
    outside = next((file for file in files if _is_outside(file)), None)
    if outside is not None:
        raise VectorFileError(
            f"{who}: {name!r} contains a path outside its folder, {outside[:100]!r}. Such "
            "archives are made to harm: do not unpack it, fetch it from a source you trust."
        )
    # Archives made on a Mac contain a shadow of each file.
    chosen = [file for file in files if not file.startswith("__MACOSX/")]
    if member is not None:
        chosen = [file for file in files if file == member]
    if len(chosen) != 1:
        if hint := foreign_members_hint(files):
            raise VectorFileError(f"{who}: {name!r} {hint}")
        shown = ", ".join(map(_excerpt, files[:10])) + (", …" if len(files) > 10 else "")
        raise VectorFileError(
            f"{who}: expected one file of word vectors in {name!r}, the archive contains "
            f"{len(files)}: {shown or 'none'}. Name one, as in 'archive.zip!member', or unpack it."
        )
    return chosen[0]


def _excerpt(file: str) -> str:
    """Return a member's name as a message shows it: it may contain anything."""
    return repr(file[:100])[1:-1] + ("…" if len(file) > 100 else "")


def _is_outside(file: str) -> bool:
    paths = PurePosixPath(file), PureWindowsPath(file)
    return any(path.anchor or ".." in path.parts for path in paths)


# ---- which format --------------------------------------------------------------------------


_FORMATS = (
    GENSIM,  # also by its name: before other pickles are refused
    FOREIGN,  # recognised as something else, and refused
    BINARY,
    TEXT,  # everything else
)
"""The first format that matches a file reads it."""


def _choose_format(source: Source, start: FileStart) -> VectorFormat:
    if not start.head.strip():
        raise source.file_error("is empty. Expected word vectors: fetch it again.")
    return next(fmt for fmt in _FORMATS if fmt.matches(start))
