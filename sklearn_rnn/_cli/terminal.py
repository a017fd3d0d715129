r"""What the command line prints: no text, label or name in a file controls the terminal.

A terminal obeys control characters: they clear it, hide what follows, or write into its title and
input. So everything printed goes through `screens`, which escapes them as Python does, such as
``\x1b``, including what other libraries print, such as a warning that quotes a file. Tables are
written into files and pipes as they are.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = [
    "as_argument",
    "give_up",
    "hold_descriptors",
    "is_closed",
    "print_coloured",
    "read_stdin",
    "screens",
    "shown",
    "write_stdout",
]

_CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: \x9b alone begins a sequence, too
    r"\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # unseen, or turn lines
    r"\u2028\u2029\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"  # end lines, or are not text
)
"""Characters without a shape, except those that join letters, which some scripts need."""

_STDIN, _STDOUT = "standard input", "standard output"


def shown(value: Any, longest: int | None = None) -> str:
    """Return a value as part of one line: without characters that control a terminal.

    Parameters
    ----------
    value : object
        What is shown, as ``str`` formats it.
    longest : int, default=None
        Maximum number of characters; None shows all.
    """
    text = str(value)
    if longest is not None and len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-(longest // 2) :]}"
    return _CONTROLS.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def as_argument(text: str) -> str:
    """Quote a text for a shell, to be copied: in ``$'…'`` where it has control characters."""
    if not _CONTROLS.search(text):
        return shlex.quote(text)
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{_CONTROLS.sub(_octal, quoted)}'"


def _octal(match: re.Match[str]) -> str:
    """Return a character as octal bytes: of a fixed length, so that any digit may follow."""
    is_byte = "\udc80" <= match[0] <= "\udcff"  # of a file name that is not UTF-8
    data = match[0].encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in data)


# ---- Streams ---------------------------------------------------------------------------------


@contextmanager
def screens() -> Iterator[None]:
    """Escape control characters in everything printed within the block."""
    before: Any = sys.stdout, sys.stderr
    after: Any = (_as_screen(sys.stdout, _STDOUT), _as_screen(sys.stderr, None))
    sys.stdout, sys.stderr = after
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _as_screen(stream: Any, name: str | None) -> _Screen:
    return stream if isinstance(stream, _Screen) else _Screen(stream, name)


class _Screen:
    """A text stream that escapes control characters.

    Parameters
    ----------
    stream : text stream or None
        Where the text goes.
    name : str or None
        What an error calls the stream; None for standard error, whose own errors cannot be
        reported to anybody.
    """

    def __init__(self, stream: Any, name: str | None) -> None:
        self.stream = stream
        self.name = name
        self.line_is = "new"
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def isatty(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    def write(self, text: str) -> int:
        bar, rest = self._split_off_return(text)
        lines = rest.split("\n")
        self.write_raw(bar + "\n".join(map(shown, lines)))
        if len(lines) > 1 or (rest and not bar):
            self.line_is = "text" if lines[-1] else "new"
        return len(text)

    def _split_off_return(self, text: str) -> tuple[str, str]:
        """Split off the carriage return with which a progress bar overwrites itself, only that."""
        if text.startswith("\r") and self.line_is != "text":
            self.line_is = "bar"
            return "\r", text[1:]
        return "", text

    def write_raw(self, text: str) -> None:
        """Write what is known to be harmless."""
        if self.stream is not None:
            with self._own_errors():
                self.stream.write(text)
        elif self.name is not None and text:
            self.error = OSError(f"{self.name} is closed, but there is something to print.")
            raise self.error

    def flush(self) -> None:
        if self.error is not None:  # whoever wrote, such as argparse, has ignored it
            raise self.error
        if self.stream is not None:
            with self._own_errors():
                self.stream.flush()

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self.name is not None:
                self.error = OSError(error.errno, error.strerror, self.name)
                raise self.error from error
            give_up(self.stream)


def print_coloured(before: str, colour: str, text: str, after: str) -> None:
    """Print a line with a coloured text in it; `colour` is an escape sequence, or empty."""
    print(before, end="")
    write = getattr(sys.stdout, "write_raw", sys.stdout.write)
    write(f"{colour}{text}\x1b[0m" if colour else text)
    print(after)


def is_closed(stream: Any) -> bool:
    """Return whether a standard stream was closed when the program began."""
    return stream is None or (isinstance(stream, _Screen) and stream.stream is None)


def read_stdin() -> bytes:
    """Return all bytes of standard input."""
    if is_closed(sys.stdin):
        raise OSError("standard input is closed: give it one text per line.")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise OSError(error.errno, error.strerror, _STDIN) from error


def write_stdout(data: bytes) -> None:
    """Write UTF-8: unchanged into files and pipes, escaped on a terminal."""
    if sys.stdout.isatty():
        for line in data.decode("utf-8").removesuffix("\n").split("\n"):
            print(shown(line))
        return
    try:
        sys.stdout.buffer.write(data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, _STDOUT) from error


def give_up(stream: Any) -> None:
    """Discard what a stream has not written: when Python exits, that would fail once more."""
    with suppress(AttributeError, OSError):  # it is not a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def hold_descriptors() -> None:
    """Point closed standard streams to the null device: otherwise files would get their numbers.

    What a C library prints would then be written into a model.
    """
    while (nowhere := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(nowhere, True)
    os.close(nowhere)
