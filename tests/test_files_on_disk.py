"""Only regular files are opened, without waiting; what is written is whole, and its owner's."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sklearn_rnn import _files
from sklearn_rnn._files import open_regular

pytestmark = pytest.mark.skipif(os.name != "posix", reason="has other kinds of files")


@pytest.fixture
def place():
    """A folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def no_regular_file(kind, path):
    """Make a file of a kind, and return what a message calls it."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as unused:
            unused.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(os.devnull)
    return f"is a {kind}: expected a regular file"


KINDS = ["FIFO", "socket", "folder", "character device"]


# ---- Open ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["rb", "ab"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_named_and_not_waited_for(place, kind, mode):
    message = no_regular_file(kind, place / "it")
    with pytest.raises(OSError, match=f"^load: '{place}/it' {message}.$") as raised:
        open_regular(place / "it", mode, "load")
    assert isinstance(raised.value, IsADirectoryError) == (kind == "folder")


def test_whoever_writes_into_a_fifo_does_not_notice_that_it_was_looked_at(place):
    os.mkfifo(place / "fifo")
    writes = f"print('so good', file=open({str(place / 'fifo')!r}, 'w'))"
    with subprocess.Popen([sys.executable, "-c", writes]) as writer:
        with pytest.raises(OSError, match="is a FIFO"):
            open_regular(place / "fifo")
        assert (place / "fifo").read_text() == "so good\n"
    assert writer.returncode == 0


@pytest.mark.parametrize("mode", ["rb", "ab"])
def test_a_fifo_that_takes_a_file_s_place_meanwhile_is_not_waited_for(place, monkeypatch, mode):
    path = place / "file"
    path.touch()
    look = os.stat

    def look_and_change(looked_at):
        status = look(looked_at)
        path.unlink()
        os.mkfifo(path)
        return status

    monkeypatch.setattr(_files.os, "stat", look_and_change)
    with pytest.raises(OSError, match=r"is a FIFO|No such device"):
        open_regular(path, mode)


def test_a_regular_file_is_read_and_appended_to_through_links(place):
    (place / "link").symlink_to("file")
    with open_regular(place / "link", "ab") as file:  # makes it
        file.write(b"so ")
    with open_regular(place / "file", "ab") as file:
        file.write(b"good")
    with open_regular(place / "link") as file:
        assert file.read() == b"so good"


def test_a_missing_file_is_missing(place):
    with pytest.raises(FileNotFoundError):
        open_regular(place / "missing")
