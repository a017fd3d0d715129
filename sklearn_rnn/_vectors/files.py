"""Word vectors from files: which format a file has, and the rows of the words looked for."""

from __future__ import annotations

import codecs
import io
import os
import re
import struct
import zipfile
from collections.abc import Callable, Container
from contextlib import ExitStack
from importlib import import_module
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from .._utils.archives import open_zip
from .._utils.compressed import open_gzip
from .._utils.files import open_regular
from ..exceptions import VectorFileError
from .binary_format import binary_format
from .file_source import HEAD_BYTES, Format, Header, Source
from .foreign_files import foreign_hint, foreign_members_hint
from .text_format import has_rows_of, text_format

__all__ = ["OnVector", "SubwordLookup", "is_unpickled", "keep_keyed_vectors", "read_vectors"]

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UNPACKABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PICKLE = b"\x80"
_NATIVE_SUFFIXES = (".kv", ".kv.gz")

_HEADER = re.compile(rb"(\d{1,40})[ \t]+(\d{1,40})[ \t\r]*\n?")


SubwordLookup = Callable[[str], NDArray[np.float32]]
"""Gives the vector of any word by its parts."""

OnVector = Callable[[str, NDArray[np.float32]], None]


def read_vectors(
    who: str, path: str | os.PathLike[str], wanted: Container[str], keep: OnVector
) -> SubwordLookup | None:
    """Read the vectors of some words from a file.

    Formats are told apart by content: GloVe's text (a word and its values on each line),
    word2vec's text, also called ``.vec`` (the same after a header ``n d``), and word2vec's
    binary; each plain, gzipped, or in a zip archive. The file is streamed: what stays in memory
    is what `keep` keeps. Every row is checked for its width and the count in the header; only the
    rows found for their numbers. Rows whose word is not UTF-8 are skipped, with a warning.

    .. warning::
       gensim's own format, ``.kv``, is a pickle underneath: opening one can run any code, so
       open only what you trust. A file is opened in this way only if its name ends in ``.kv``
       (or ``.kv.gz``) and it starts as a pickle does; no text or word2vec binary ever is.
       A plain one is mapped into memory; all its words are loaded, of its vectors only the
       rows found.

    Parameters
    ----------
    who : str
        Name of the estimator, for messages.
    path : str or path-like
        The file. ``archive.zip!member`` names one file of several in an archive.
    wanted : container of str
        The words to look for, spelled exactly as in the file.
    keep : callable
        Gets each of them that the file holds, with its vector of shape (D,), in the order of
        the file. What it does with one may change what is wanted.

    Returns
    -------
    callable or None
        What gives vectors of other words by their parts, where the file holds a fastText model.

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
        unpacked = _unpacked(opened, who, name, file, member) if _is_packed(magic) else file
        source = Source(who, name, cast(BinaryIO, unpacked), has_checksum=unpacked is not file)
        head = source.read(HEAD_BYTES)
        if is_unpickled(archive) and head.startswith(_PICKLE):
            return keep_keyed_vectors(_load_native(source), wanted, keep, source.file_error)
        table = _recognise(source, head)
        for word, raw in table.rows:
            if word in wanted:
                keep(word, table.vector(raw))
        source.report_undecodable()
    return None


def is_unpickled(path: str) -> bool:
    """Tell whether a file of this name would be opened by pickle, if it starts as one."""
    return path.lower().endswith(_NATIVE_SUFFIXES)


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


def _unpacked(
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
        # Of any method: the other members of an archive are nobody's concern.
        archive = opened.enter_context(open_zip(file, methods=range(2**16)))
        chosen = archive.getinfo(_chosen_member(who, name, archive, member))
        if chosen.compress_type not in _UNPACKABLE:
            raise VectorFileError(
                f"{who}: {name!r} holds {_shown(chosen.filename)} compressed by bzip2, LZMA or "
                "another method that may fill the memory. Unpack it and pass the file inside, or "
                "that packed with gzip."
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
            f"{who}: {name!r} holds a path outside its folder, {outside[:100]!r}. Such archives "
            "are made to harm: do not unpack it, fetch it from a source you trust."
        )
    # Archives made on a Mac carry a shadow of each file.
    chosen = [file for file in files if not file.startswith("__MACOSX/")]
    if member is not None:
        chosen = [file for file in files if file == member]
    if len(chosen) != 1:
        if hint := foreign_members_hint(files):
            raise VectorFileError(f"{who}: {name!r} {hint}")
        shown = ", ".join(map(_shown, files[:10])) + (", …" if len(files) > 10 else "")
        raise VectorFileError(
            f"{who}: expected one file of word vectors in {name!r}, the archive holds "
            f"{len(files)}: {shown or 'none'}. Name one, as in 'archive.zip!member', or unpack it."
        )
    return chosen[0]


def _shown(file: str) -> str:
    """Return a member's name as a message shows it: it may hold anything."""
    return repr(file[:100])[1:-1] + ("…" if len(file) > 100 else "")


def _is_outside(file: str) -> bool:
    paths = PurePosixPath(file), PureWindowsPath(file)
    return any(path.anchor or ".." in path.parts for path in paths)


# ---- which format --------------------------------------------------------------------------


def _recognise(source: Source, head: bytes) -> Format:
    """Choose the format by the first bytes, and set the source to its start."""
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    head = head[mark:]
    if not head.strip():
        raise source.file_error("is empty. Expected word vectors: fetch it again.")
    if hint := foreign_hint(head):
        raise source.file_error(hint)
    source.stream.seek(mark)
    header = _parse_header(head)
    if header and _is_binary(head, header):
        return binary_format(source, header)
    return text_format(source, head, header)


def _parse_header(head: bytes) -> Header | None:
    """Return the header, or None where the first line is none.

    Two whole numbers alone on the first line are always a header: a file of one dimension whose
    first word is a number needs one.
    """
    match = _HEADER.match(head)
    if match is None or (match.end() < len(head) and head[match.end() - 1 : match.end()] != b"\n"):
        return None
    return Header(int(match[1]), int(match[2]))


def _is_binary(head: bytes, header: Header) -> bool:
    """Return whether vectors follow the header as bytes.

    Parameters
    ----------
    head : bytes
        The first bytes of a file that has a header.
    header : Header
        Its first line.

    Returns
    -------
    bool
        False if most of the first lines end with as many numbers in digits as the header says,
        or if nothing in sight could not be text. So a text with a damaged row is still read as
        text.
    """
    return not has_rows_of(head, header.n_dimensions) and not _is_plain_text(head)


def _is_plain_text(head: bytes) -> bool:
    is_whole = len(head) < HEAD_BYTES - len(codecs.BOM_UTF8)
    # Where the head has cut the file, its last bytes may be the start of a character.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, final=is_whole)
    return not any(char == "\ufffd" or (char < " " and char not in "\t\n\r") for char in text)


# ---- gensim's own --------------------------------------------------------------------------


def keep_keyed_vectors(
    keyed_vectors: Any, wanted: Container[str], keep: OnVector, error: Callable[[str], Exception]
) -> SubwordLookup | None:
    """Give the words of gensim's `KeyedVectors` that are wanted to `keep`, with their vectors.

    Parameters
    ----------
    keyed_vectors : gensim.models.KeyedVectors
        The vectors.
    wanted : container of str
        The words to look for.
    keep : callable
        Gets each of them that is there, with its vector of shape (D,).
    error : callable
        Makes an error of a description of the problem.

    Returns
    -------
    callable or None
        What gives vectors of other words by their parts, where this is a fastText model.
    """
    for word, row in keyed_vectors.key_to_index.items():
        if word in wanted:
            vector = np.asarray(keyed_vectors.vectors[row], np.float32)
            if not np.isfinite(vector).all():
                raise error(f"has values that are not finite for {word!r}. Is it damaged?")
            keep(word, vector)
    has_parts = len(getattr(keyed_vectors, "vectors_ngrams", ())) > 0
    return keyed_vectors.get_vector if has_parts else None


def _load_native(source: Source) -> Any:
    try:
        native = import_module("gensim.models").KeyedVectors
    except ImportError as error:
        raise ImportError(
            f"{source.who}: gensim is needed to read {source.name!r}: pip install gensim. "
            "Or save the vectors with save_word2vec_format where gensim is installed."
        ) from error
    mapping = None if source.has_checksum else "r"  # what is packed cannot be mapped
    try:
        loaded = native.load(source.name, mmap=mapping)
    # A damaged pickle raises whatever its bytes happen to ask for.
    except Exception as error:
        raise source.file_error(
            f"cannot be loaded by gensim ({type(error).__name__}: {error}). It is damaged, made "
            "by another version, or parted from the .npy files that were saved beside it."
        ) from error
    vectors = getattr(loaded, "wv", loaded)
    if getattr(vectors, "vectors", None) is None or not hasattr(vectors, "key_to_index"):
        raise source.file_error(f"holds {type(loaded).__name__}, expected gensim's KeyedVectors.")
    return vectors
