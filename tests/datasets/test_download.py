"""Downloads, from a server on the loopback interface: whole, or nothing is left behind."""

import hashlib
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sklearn.utils import Bunch

from imdb_archives import as_plain, write_archive
from sklearn_rnn.datasets import _imdb, fetch_imdb
from sklearn_rnn.exceptions import DatasetError


@pytest.fixture
def server(monkeypatch):
    """Serve one answer on the loopback interface; `fetch_imdb` downloads from there."""
    answer = Bunch(status=200, body=b"", announced=None, requests=0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer.requests += 1
            self.send_response(answer.status)
            self.send_header("Content-Length", str(answer.announced or len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(_imdb, "_URL", f"http://127.0.0.1:{httpd.server_port}/aclImdb.tar.gz")
        yield answer
        httpd.shutdown()
        thread.join()


@pytest.fixture
def good_body(tmp_path, monkeypatch):
    """The bytes of a small archive; its checksum is the one that is expected."""
    (tmp_path / "elsewhere").mkdir()
    body = write_archive(tmp_path / "elsewhere").read_bytes()
    monkeypatch.setattr(_imdb, "_MD5", hashlib.md5(body, usedforsecurity=False).hexdigest())
    return body


def test_good_download_is_kept_and_not_repeated(home, server, good_body):
    server.body = good_body
    first, second = fetch_imdb(home / "new"), fetch_imdb(home / "new")
    assert as_plain(first) == as_plain(second)
    assert len(first.train.data) == 4
    assert server.requests == 1
    assert [file.name for file in (home / "new").iterdir()] == ["aclImdb_v1.tar.gz"]


@pytest.mark.skipif(os.name != "posix", reason="has no such modes and links")
def test_a_download_has_the_mode_of_new_files_and_follows_a_link(home, server, good_body):
    server.body = good_body
    (home / "aclImdb_v1.tar.gz").symlink_to("archive")
    (home / "other").touch()
    fetch_imdb(home)
    assert (home / "aclImdb_v1.tar.gz").is_symlink()
    assert (home / "archive").read_bytes() == good_body
    assert (home / "archive").stat().st_mode == (home / "other").stat().st_mode


def test_truncated_download_leaves_nothing_behind(home, server, good_body):
    server.body, server.announced = good_body[:-100], len(good_body)
    with pytest.raises(DatasetError, match=r"fetch_imdb: expected http.*Nothing was kept"):
        fetch_imdb(home)
    assert not list(home.iterdir())


def test_download_with_a_wrong_checksum_leaves_nothing_behind(home, server, good_body):
    server.body = good_body[:-1] + b"?"
    with pytest.raises(DatasetError, match=r"MD5.*does not match"):
        fetch_imdb(home)
    assert not list(home.iterdir())


def test_download_that_is_not_found_leaves_nothing_behind(home, server):
    server.status, server.body = 404, b"Not here"
    with pytest.raises(DatasetError, match="404"):
        fetch_imdb(home)
    assert not list(home.iterdir())


def test_unreachable_server_leaves_nothing_behind(home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(_imdb, "_URL", "http://127.0.0.1:1/aclImdb.tar.gz")
    with pytest.raises(DatasetError, match="Try again"):
        fetch_imdb(home)
    assert not list(home.iterdir())


def test_nothing_is_printed_unless_asked_for(home, server, good_body, capfd):
    server.body = good_body
    fetch_imdb(home)
    assert capfd.readouterr() == ("", "")


def test_verbose_shows_the_progress_of_download_and_reading(home, server, good_body, capfd):
    server.body = good_body
    fetch_imdb(home, verbose=1)
    shown = capfd.readouterr().err
    assert re.search(r"100%.*B/s", shown)
    assert "Reading IMDB" in shown
