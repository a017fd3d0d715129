"""Gzip and xz are unpacked as by the standard library, within memory and time of ours."""

import gzip
import lzma
import zlib
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from sklearn_rnn._utils.compressed import open_gzip, open_xz

PACK = {"gzip": gzip.compress, "xz": lzma.compress}
OPEN = {"gzip": open_gzip, "xz": open_xz}
DAMAGE = (EOFError, lzma.LZMAError, zlib.error)

each = pytest.mark.parametrize("kind", PACK)


@given(st.sampled_from(sorted(PACK)), st.lists(st.binary(max_size=300), min_size=1), st.booleans())
def test_members_come_back_one_after_another(kind, contents, is_padded):
    padding = bytes(8) * is_padded
    data = b"".join(PACK[kind](content) + padding for content in contents)
    assert OPEN[kind](BytesIO(data)).read() == b"".join(contents)


@given(st.sampled_from(sorted(PACK)), st.data())
def test_pieces_of_any_size_are_those_of_the_whole(kind, data):
    content = data.draw(st.binary(min_size=1, max_size=50)) * data.draw(st.integers(1, 20_000))
    stream = OPEN[kind](BytesIO(PACK[kind](content)), data.draw(st.integers(1, 10_000)))
    place = 0
    for size in data.draw(st.lists(st.integers(0, 100_000), max_size=10)):
        assert stream.read(size) == content[place : place + size]
        place = min(place + size, len(content))
        if data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(content)))
            stream.seek(place)


@given(st.sampled_from(sorted(PACK)), st.data())
def test_a_file_that_was_cut_is_no_whole_file(kind, data):
    whole = PACK[kind](data.draw(st.binary(max_size=300)))
    end = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(DAMAGE):
        OPEN[kind](BytesIO(whole[:end])).read()


@given(st.sampled_from(sorted(PACK)), st.data())
def test_bytes_that_flipped_are_noticed_or_harmless(kind, data):
    content = data.draw(st.binary(max_size=300))
    packed = bytearray(PACK[kind](content))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(*DAMAGE):
        assert OPEN[kind](BytesIO(packed)).read() == content


@each
def test_what_follows_the_last_member_is_no_end(kind):
    with pytest.raises(DAMAGE):
        OPEN[kind](BytesIO(PACK[kind](b"a") + b"tail")).read()


@each
def test_a_bomb_is_unpacked_piece_by_piece(kind):
    data = PACK[kind](bytes(100 * hostile.MEGABYTE))

    def read():
        n_bytes = 0
        with OPEN[kind](BytesIO(data)) as stream:
            while piece := stream.read(2**16):
                n_bytes += len(piece)
        assert n_bytes == 100 * hostile.MEGABYTE

    peak, error = hostile.peak_of(read)
    assert error is None
    assert peak < 20 * hostile.MEGABYTE  # xz remembers 8 MB


def test_an_xz_file_may_not_ask_for_a_gigabyte():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**16}]
    small = lzma.compress(b"text", filters=filters)
    # The fifth byte of the block's header says how large the dictionary is.
    header = bytearray(small[12:24])
    header[4] = 36  # 1 GB
    header[8:12] = zlib.crc32(header[:8]).to_bytes(4, "little")
    data = small[:12] + bytes(header) + small[24:]
    assert lzma.decompress(data) == b"text"
    with pytest.raises(lzma.LZMAError, match="Memory usage limit"):
        open_xz(BytesIO(data)).read()
    assert open_xz(BytesIO(lzma.compress(b"text", preset=9))).read() == b"text"


def test_an_endless_name_and_endless_padding_are_passed_over():
    empty = gzip.compress(b"")
    named = empty[:3] + b"\x08" + empty[4:10] + b"n" * 10**6 + b"\0" + empty[10:]
    data = (named + bytes(10**6)) * 3
    peak, error = hostile.peak_of(open_gzip(BytesIO(data)).read)
    assert error is None
    assert peak < hostile.MEGABYTE
