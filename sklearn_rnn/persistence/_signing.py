"""Signatures of model files: HMAC-SHA256 at the end of the archive, in its comment.

Whoever has the key can tell that all other bytes of a file were written by somebody who has it,
too. Without a key, a signed file opens like one that was not signed.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, BinaryIO

__all__ = ["check_key", "check_signature", "signed", "unsigned_comment"]

_MARK = b"sklearn_rnn HMAC-SHA256 "
_DIGITS = 64
_SHORTEST_KEY = 16
_CHUNK_BYTES = 2**20

unsigned_comment = _MARK + b"0" * _DIGITS
"""The comment of an archive that is about to be signed."""


def check_key(who: str, key: Any) -> None:
    """Raise if a key is not bytes, or too short."""
    if key is not None and not isinstance(key, bytes | bytearray):
        raise TypeError(
            f"{who}: expected bytes in key=, such as secrets.token_bytes(32), got "
            f"{type(key).__name__}."
        )
    if key is not None and len(key) < _SHORTEST_KEY:
        raise ValueError(
            f"{who}: expected a key of at least {_SHORTEST_KEY} bytes, such as "
            f"secrets.token_bytes(32), got {len(key)}."
        )


def signed(data: bytes, key: bytes) -> bytes:
    """Return an archive whose comment is `unsigned_comment` with its signature in that place."""
    body = data[:-_DIGITS]
    return body + hmac.new(key, body, sha256).hexdigest().encode()


def check_signature(file: BinaryIO, key: bytes) -> str | None:
    """Return what is wrong with a file's signature, or None if it is valid.

    Parameters
    ----------
    file : binary file
        An archive, which is seekable.
    key : bytes
        The key that it should be signed with.
    """
    n_body = file.seek(0, os.SEEK_END) - _DIGITS
    file.seek(max(n_body - len(_MARK), 0))
    if n_body < len(_MARK) or not file.read().startswith(_MARK):
        return "it is not signed"
    expected = hmac.new(key, digestmod=sha256)
    file.seek(0)
    for chunk in _body(file, n_body):
        expected.update(chunk)
    if not hmac.compare_digest(expected.hexdigest().encode(), file.read()):
        return "it was altered after it was signed, or signed with another key"
    return None


def _body(file: BinaryIO, n_bytes: int) -> Iterator[bytes]:
    while n_bytes and (chunk := file.read(min(n_bytes, _CHUNK_BYTES))):
        n_bytes -= len(chunk)
        yield chunk
