"""Reviews in folders and archives: what is damaged, false or too large is refused by name."""

import gzip
import lzma
import os
import tarfile
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hostile
from imdb_archives import FILES, SUFFIXES, member, without, write_archive, write_folder
from sklearn_rnn.datasets import fetch_imdb
from sklearn_rnn.exceptions import DatasetError


def test_archive_packed_from_the_current_folder_is_read(home):
    write_archive(home, prefix="./aclImdb/")
    assert len(fetch_imdb(home).train.data) == 4


def test_later_member_replaces_an_earlier_one_as_in_unpacking(home):
    write_archive(home, extra=[member("aclImdb/train/neg/2_1.txt", b"Hiss")])
    assert fetch_imdb(home).train.data[0] == "Hiss"


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
def test_an_archive_is_read_within_its_size(home, kind):
    path = write_blocks(home, "w:gz", *MANY[kind])
    peak, error = hostile.peak_of(fetch_imdb, home)
    assert isinstance(error, DatasetError)
    assert peak < hostile.allowed(path.read_bytes()) / 2
    assert len(str(error)) < 1_000


@settings(max_examples=40)
@given(st.lists(st.sampled_from(sorted(MANY)), max_size=3), st.sampled_from(sorted(SUFFIXES)))
def test_any_archive_is_read_within_its_size(tmp_path_factory, kinds, mode):
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


@given(st.data())
def test_bytes_of_an_archive_that_flipped_are_refused_or_reviews_all_the_same(
    tmp_path_factory, data
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
