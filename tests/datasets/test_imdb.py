"""What `fetch_imdb` promises; downloads go to a server on the loopback interface."""

import gzip
import hashlib
import io
import lzma
import os
import re
import tarfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils import Bunch

from paths import SHARED_DATA
from sklearn_rnn.datasets import _imdb, fetch_imdb
from sklearn_rnn.datasets._tar import TarStream
from sklearn_rnn.exceptions import DatasetError, SklearnRNNError

REAL = SHARED_DATA / "imdb"

# Written out of order, and with numbers that sort differently as texts.
FILES = {
    "README": "Large Movie Review Dataset v1.0",
    "imdb.vocab": "the\nand",
    "train/pos/10_9.txt": "Bravo!<br /><br />Encore.",
    "train/pos/9_10.txt": "Très bien",
    "train/neg/2_1.txt": "Boo",
    "train/neg/11_4.txt": "Zzz",
    "train/unsup/0_0.txt": "Who knows?",
    "train/labeledBow.feat": "9 0:9",
    "test/neg/0_2.txt": "",
    "test/pos/0_7.txt": "x" * 1024,
}
SUFFIXES = {"w:": ".tar", "w:gz": ".tar.gz", "w:xz": ".tar.xz"}


def write_folder(root, files=FILES):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def member(name, content=b"", **attributes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, io.BytesIO(content)


def write_archive(folder, mode="w:gz", files=FILES, extra=(), prefix="aclImdb/"):
    path = folder / f"aclImdb_v1{SUFFIXES[mode]}"
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            archive.addfile(*member(prefix + name, text.encode()))
        for info, content in extra:
            archive.addfile(info, content)
    return path


def write_archive_in(folder, mode):
    folder.mkdir()
    write_archive(folder, mode)
    return folder


def as_plain(value):
    """Turn nested Bunches and arrays into what compares with ==, dtypes included."""
    if isinstance(value, Bunch):
        return {key: as_plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.tolist())
    return value


def without(*folders):
    return {name: text for name, text in FILES.items() if not name.startswith(folders)}


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


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_every_form_of_the_data_gives_the_same_bunch(tmp_path):
    homes = [write_archive_in(tmp_path / mode[-2:], mode) for mode in SUFFIXES]
    unpacked = write_folder(tmp_path / "unpacked" / "aclImdb")
    bunches = [
        as_plain(fetch_imdb(home, download_if_missing=False))
        for home in (*homes, unpacked.parent, unpacked, str(unpacked))
    ]
    assert all(bunch == bunches[0] for bunch in bunches)


def test_reviews_come_negative_first_and_by_number(home):
    write_archive(home)
    imdb = fetch_imdb(home)
    assert imdb.train.data == ["Boo", "Zzz", "Très bien", "Bravo!<br /><br />Encore."]
    assert imdb.train.target.tolist() == [0, 0, 1, 1]
    assert imdb.train.rating.tolist() == [1, 4, 10, 9]
    assert imdb.train.filenames.tolist() == [
        "train/neg/2_1.txt",
        "train/neg/11_4.txt",
        "train/pos/9_10.txt",
        "train/pos/10_9.txt",
    ]
    assert imdb.test.data == ["", "x" * 1024]
    assert imdb.target_names == ["negative", "positive"]
    assert "Maas" in imdb.DESCR


def test_unsupervised_reviews_are_marked_unlabelled(home):
    write_archive(home)
    unsupervised = fetch_imdb(home).unsupervised
    assert unsupervised.data == ["Who knows?"]
    assert unsupervised.target.tolist() == [-1]
    assert unsupervised.rating.tolist() == [0]


@pytest.mark.parametrize("subset", ["test", ["test"]])
def test_subset_loads_only_what_was_asked_for(home, subset):
    write_folder(home / "aclImdb", without("train"))
    assert set(fetch_imdb(home, subset=subset)) == {"test", "target_names", "DESCR"}


@pytest.mark.parametrize("subset", ["all", ["train", "dev"], []])
def test_unknown_subset_is_refused(home, subset):
    with pytest.raises(ValueError, match=r"fetch_imdb: subset: expected some of train, test"):
        fetch_imdb(home, subset=subset)


def test_archive_packed_from_the_current_folder_is_read(home):
    write_archive(home, prefix="./aclImdb/")
    assert len(fetch_imdb(home).train.data) == 4


def test_later_member_replaces_an_earlier_one_as_in_unpacking(home):
    write_archive(home, extra=[member("aclImdb/train/neg/2_1.txt", b"Hiss")])
    assert fetch_imdb(home).train.data[0] == "Hiss"


def test_data_home_needs_no_writing(home):
    write_archive(home)
    home.chmod(0o555)
    assert len(fetch_imdb(home).train.data) == 4
    assert len(list(home.iterdir())) == 1


def test_default_is_the_data_folder_of_scikit_learn(home, monkeypatch):
    write_archive(home)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    assert len(fetch_imdb().train.data) == 4


@pytest.mark.parametrize(
    "bad",
    [
        member("../x"),
        member("aclImdb/train/../../../x"),
        member("/etc/x"),
        member("/aclImdb/train/neg/3_1.txt"),
        member("aclImdb/train/neg/3_1.txt", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("aclImdb/train/neg/3_1.txt", type=tarfile.SYMTYPE, linkname="../../../../x"),
        member("aclImdb/train/neg/3_1.txt", type=tarfile.SYMTYPE, linkname="2_1.txt"),
        member("aclImdb/train/neg/3_1.txt", type=tarfile.LNKTYPE, linkname="../x"),
        member("aclImdb/pipe", type=tarfile.FIFOTYPE),
    ],
    ids=lambda bad: f"{bad[0].name}->{bad[0].linkname}",
)
def test_members_that_unpacking_should_never_meet_are_refused(home, bad):
    path = write_archive(home, extra=[bad])
    with pytest.raises(DatasetError, match="plain files inside aclImdb/, got") as caught:
        fetch_imdb(home)
    assert str(path) in str(caught.value)
    assert bad[0].name in str(caught.value)


@pytest.mark.parametrize("mode", SUFFIXES)
@pytest.mark.parametrize("keep", [0.0, 0.2, 0.4])  # a .tar ends with a half of zeros
def test_truncated_archive_is_named(home, mode, keep):
    path = write_archive(home, mode)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DatasetError, match="expected an intact archive") as caught:
        fetch_imdb(home)
    assert str(path) in str(caught.value)


def offset_of_last_member(path):
    with tarfile.open(path) as archive:
        return archive.getmembers()[-1].offset


def test_archive_cut_between_two_members_is_noticed(home):
    path = write_archive(home, "w:", extra=[member("aclImdb/test/pos/1_7.txt", b"last")])
    path.write_bytes(path.read_bytes()[: offset_of_last_member(path)])
    with pytest.raises(DatasetError, match="no end mark"):
        fetch_imdb(home)


def test_damaged_header_in_the_middle_is_noticed(home):
    path = write_archive(home, "w:", extra=[member("aclImdb/test/pos/1_7.txt", b"last")])
    content = bytearray(path.read_bytes())
    content[offset_of_last_member(path)] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="no valid member"):
        fetch_imdb(home)


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_wrong_checksum_at_the_very_end_is_noticed(home, mode):
    path = write_archive(home, mode)
    content = bytearray(path.read_bytes())
    content[-5 if mode == "w:gz" else -1] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="expected an intact archive"):
        fetch_imdb(home)


def test_something_else_than_an_archive_is_named(home):
    (home / "aclImdb_v1.tar.gz").write_text("<html>Not found</html>")
    with pytest.raises(DatasetError, match=r"aclImdb_v1\.tar\.gz.*intact archive"):
        fetch_imdb(home)


def test_text_that_is_not_utf8_is_named(home):
    write_archive(home, extra=[member("aclImdb/train/neg/3_1.txt", b"caf\xe9")])
    with pytest.raises(DatasetError, match=r"expected UTF-8 in train/neg/3_1\.txt"):
        fetch_imdb(home)


@pytest.mark.parametrize("folder", ["train/neg", "train/unsup", "test"])
@pytest.mark.parametrize("write", [write_archive, lambda h, files: write_folder(h, files=files)])
def test_missing_parts_are_named(home, folder, write):
    write(home, files=without(folder))
    with pytest.raises(DatasetError, match=rf"got none in {folder}"):
        fetch_imdb(home)


# ---- Archives that ask for more memory than they have bytes ----------------------------------

REVIEW = "aclImdb/train/neg/7_1.txt"
ZEROS = bytes(2**20)


def header(name=REVIEW, size=0, kind=tarfile.REGTYPE, **attributes):
    """Return the block before a member, whatever follows."""
    info, _ = member(name, type=kind, **attributes)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def sparse_header():
    """Return the block of a member that is three gigabytes of nothing."""
    block = bytearray(header(kind=tarfile.GNUTYPE_SPARSE))
    block[386:410] = b"%011o\0%011o\0" % (3 * 2**30, 0)  # one piece, of no bytes
    block[483:495] = b"%011o\0" % (3 * 2**30)
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 8 * 32)
    return bytes(block)


def pax(**records):
    """Return a header of pax's, and its records."""
    names = {key.replace("_", "."): value for key, value in records.items()}
    return tarfile.TarInfo._create_pax_generic_header(names, tarfile.XHDTYPE, "utf-8")


def write_blocks(home, mode, *blocks):
    """Write an archive whose blocks are given, or pairs of one and how often it is repeated."""
    path = home / f"aclImdb_v1{SUFFIXES[mode]}"
    opened = {"w:": open, "w:gz": partial(gzip.open, compresslevel=1), "w:xz": lzma.open}
    with opened[mode](path, "wb") as file:
        for block in blocks:
            piece, n = block if isinstance(block, tuple) else (block, 1)
            for _ in range(n):
                file.write(piece)
    return path


MANY = {
    "sparse": [sparse_header()],
    "sparse by pax 0.0": [pax(GNU_sparse_size="3000000000", GNU_sparse_numblocks="0"), header()],
    "sparse by pax 0.1": [pax(GNU_sparse_size="3000000000", GNU_sparse_map="0,0"), header()],
    "sparse by pax 1.0": [
        pax(GNU_sparse_major="1", GNU_sparse_minor="0", GNU_sparse_realsize="3000000000"),
        header(size=2**26),
        (b"1\n" * 2**19, 64),
    ],
    "a review that says it is large": [header(size=3 * 2**30)],
    "a review that says it is larger": [pax(size="9" * 17), header()],
    "a large review": [header(size=100 * 2**20), (ZEROS, 100)],
    "a long name": [header(kind=tarfile.GNUTYPE_LONGNAME, size=100 * 2**20), (ZEROS, 100)],
    "a long link": [header(kind=tarfile.GNUTYPE_LONGLINK, size=100 * 2**20), (ZEROS, 100)],
    "a long header": [header(kind=tarfile.XHDTYPE, size=100 * 2**20), (ZEROS, 100)],
    "a long header for all": [header(kind=tarfile.XGLTYPE, size=100 * 2**20), (ZEROS, 100)],
    "headers without end": [(pax(**{f"k{i}": "v" * 99 for i in range(500)}), 400)],
    "names without end": [(header(kind=tarfile.GNUTYPE_LONGNAME, size=512) + bytes(512), 2_000)],
    "members without end": [(header("aclImdb/README"), 30_000)],
    "reviews without end": [(header(size=1000) + b"x" * 1024, 40_000)],
    "an end without end": [bytes(1024), (ZEROS, 300)],
}


@pytest.mark.parametrize("kind", MANY)
def test_an_archive_is_read_within_its_size(hostile, home, kind):
    path = write_blocks(home, "w:gz", *MANY[kind])
    peak, error = hostile.peak_of(fetch_imdb, home)
    assert isinstance(error, DatasetError)
    assert peak < hostile.allowed(path.read_bytes()) / 2
    assert len(str(error)) < 1_000


@settings(max_examples=40)
@given(st.lists(st.sampled_from(sorted(MANY)), max_size=3), st.sampled_from(sorted(SUFFIXES)))
def test_any_archive_is_read_within_its_size(hostile, tmp_path_factory, kinds, mode):
    home = tmp_path_factory.mktemp("home")
    pieces = [piece for kind in kinds for piece in MANY[kind] if isinstance(piece, bytes)]
    whole = write_archive(home, "w:").read_bytes()
    (home / "aclImdb_v1.tar").unlink()
    path = write_blocks(home, mode, *pieces, whole)
    peak, error = hostile.peak_of(fetch_imdb, home)
    assert error is None or isinstance(error, DatasetError)
    assert peak < hostile.allowed(path.read_bytes()) / 2


def test_an_archive_of_more_than_the_published_reviews_is_refused(home):
    names = [f"aclImdb/train/neg/{i}_1.txt" for i in range(50_000)]
    write_blocks(home, "w:gz", *[header(name, 1000) + b"x" * 1024 for name in names])
    with pytest.raises(DatasetError, match="the published reviews, got more than they take"):
        fetch_imdb(home)


def test_an_xz_archive_may_not_ask_for_a_gigabyte(home):
    write_archive(home, "w:xz")
    path = home / "aclImdb_v1.tar.xz"
    content = lzma.decompress(path.read_bytes())
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**27, "mode": lzma.MODE_FAST}]
    path.write_bytes(lzma.compress(content, filters=filters))
    with pytest.raises(DatasetError, match="Memory usage limit exceeded"):
        fetch_imdb(home)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mode", SUFFIXES)
def test_archives_of_every_format_are_read(home, mode, form):
    path = home / f"aclImdb_v1{SUFFIXES[mode]}"
    with tarfile.open(path, mode, format=form) as archive:
        for name, text in FILES.items():
            archive.addfile(*member(f"aclImdb/{name}", text.encode(), mtime=0.5))
        archive.addfile(*member("aclImdb/" + "long/" * 30 + "name", b"text"))
        archive.addfile(*member("aclImdb/folder", type=tarfile.DIRTYPE))
    assert fetch_imdb(home).train.data == ["Boo", "Zzz", "Très bien", "Bravo!<br /><br />Encore."]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_that_the_standard_library_finds(tmp_path, form):
    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1)
                | st.integers(50, 300).map("é".__mul__),
                st.binary(max_size=1500),
                st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE]),
                st.floats(0, 1e9),
            )
        )
    )
    def check(members):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            for name, content, kind, mtime in members:
                content = content if kind == tarfile.REGTYPE else b""
                archive.addfile(*member(f"x/{name}", content, type=kind, mtime=mtime))
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            expected = [
                (i.name, i.type, i.isreg() and archive.extractfile(i).read()) for i in archive
            ]
        file.seek(0)
        stream = TarStream(file, 10**9)
        assert [(i.name, i.type, i.isreg() and stream.read()) for i in stream] == expected

    check()


@given(st.data())
def test_bytes_of_an_archive_that_flipped_are_refused_or_reviews_all_the_same(
    hostile, tmp_path_factory, data
):
    home = tmp_path_factory.mktemp("home")
    path = write_archive(home, "w:", extra=[member("aclImdb/" + "long/" * 30 + "name", b"text")])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 11_000))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    peak, error = hostile.peak_of(fetch_imdb, home)
    assert error is None or isinstance(error, DatasetError)
    assert peak < 4 * hostile.MEGABYTE


def test_a_file_too_long_for_a_review_is_not_read(home):
    root = write_folder(home / "aclImdb")
    with (root / "train/neg/3_1.txt").open("wb") as file:
        file.truncate(3 * 2**30)  # takes no room on the disk
    with pytest.raises(DatasetError, match=r"reviews of at most 1,048,576 bytes, .*3_1\.txt"):
        fetch_imdb(home)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_among_the_reviews_is_not_waited_for(home):
    root = write_folder(home / "aclImdb")
    os.mkfifo(root / "train/neg/3_1.txt")
    with pytest.raises(OSError, match="is a FIFO"):
        fetch_imdb(home)


def test_missing_data_are_an_os_error_that_says_what_to_do(tmp_path):
    with pytest.raises(OSError, match=r"found none of them\. Put one there") as caught:
        fetch_imdb(tmp_path / "nowhere", download_if_missing=False)
    assert isinstance(caught.value, SklearnRNNError)
    assert not (tmp_path / "nowhere").exists()


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


@pytest.fixture(scope="module")
def real():
    if not REAL.is_dir():
        pytest.skip(f"the published reviews are not in {REAL}")
    return fetch_imdb(REAL, download_if_missing=False)


# One test, so that parallel workers do not each read 100,000 reviews.
def test_published_reviews_are_complete_and_balanced(real):
    sizes = {name: len(real[name].data) for name in ("train", "test", "unsupervised")}
    assert sizes == {"train": 25_000, "test": 25_000, "unsupervised": 50_000}
    for labelled in (real.train, real.test):
        assert np.bincount(labelled.target).tolist() == [12_500, 12_500]
        assert set(labelled.rating[labelled.target == 0]) == {1, 2, 3, 4}
        assert set(labelled.rating[labelled.target == 1]) == {7, 8, 9, 10}
    assert set(real.unsupervised.target) == {-1}
    assert set(real.unsupervised.rating) == {0}
    assert real.train.filenames[[0, -1]].tolist() == ["train/neg/0_3.txt", "train/pos/12499_7.txt"]
    assert any("<br />" in text for text in real.train.data)
    assert not any(text.isspace() or not text for text in real.train.data)
