"""Archives are read within limits, whatever they say of themselves."""

import tracemalloc
from io import BytesIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_rnn._archives import check_npy, open_zip, read_npz, read_within

MEGABYTE = 2**20


def archive_of(members, method=ZIP_STORED):
    file = BytesIO()
    with ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_size(archive, size):
    """Let the directory and the member's own header say that its only member has a size."""
    said = size.to_bytes(4, "little")
    entry = archive.rindex(b"PK\x01\x02")
    return archive[:22] + said + archive[26 : entry + 24] + said + archive[entry + 28 :]


def peak_of(function, *arguments):
    """Return the most bytes that a call held at a time, and the error that ended it."""
    tracemalloc.start()
    try:
        function(*arguments)
        error = None
    except (ValueError, BadZipFile) as raised:
        error = raised
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak, error


@pytest.mark.parametrize("method", [ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA])
@pytest.mark.parametrize("said", [None, 100])
def test_a_member_that_inflates_is_refused_before_it_does(method, said):
    data = archive_of({"zeros": bytes(50 * MEGABYTE)}, method)
    data = data if said is None else with_size(data, said)
    peak, error = peak_of(lambda: read_within(open_zip(BytesIO(data)), "zeros", MEGABYTE))
    assert error is not None
    assert peak < 3 * MEGABYTE


def test_a_directory_of_many_entries_is_refused_before_it_is_read():
    data = archive_of({f"{i:020}": b"" for i in range(50_000)})
    peak, error = peak_of(open_zip, BytesIO(data))
    assert "directory" in str(error)
    assert peak < 3 * MEGABYTE


def test_members_that_share_bytes_are_refused():
    data = archive_of({"a": bytes(MEGABYTE)})
    start = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry = data[start:end]
    entries = b"".join(entry[:-1] + bytes([97 + i]) for i in range(20))
    tail = bytearray(data[end:])
    tail[8:12] = (20).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    with pytest.raises(ValueError, match="share"):
        open_zip(BytesIO(data[:start] + entries + tail))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_stands_for_one_member():
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(ValueError, match="twice"):
        open_zip(file)


@pytest.mark.parametrize(
    ("shape", "dtype", "n_bytes"),
    [
        ((10**12,), "<f4", 100),
        ((10,), "<f4", 39),
        ((10,), "<f4", 41),
        ((-1, 10), "<f4", 40),
        ((10**12,), "<U0", 0),
        ((10**12, 0), "<f4", 4),
        ((1,), "|O", 8),
        ((2**40,), [("a", "<f4", (2**20,))], 0),
    ],
)
def test_an_array_has_just_the_bytes_that_follow_its_header(shape, dtype, n_bytes):
    header = BytesIO()
    descr = dtype if isinstance(dtype, str) else list(dtype)
    np.lib.format.write_array_header_1_0(
        header, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    data = header.getvalue() + bytes(n_bytes)
    with pytest.raises(ValueError, match="array"):
        check_npy(BytesIO(data), len(data))


@given(
    st.dictionaries(
        st.text("abc/_", min_size=1, max_size=5),
        st.tuples(
            st.lists(st.integers(0, 4), max_size=3), st.sampled_from(["f4", "i8", "U3", "?"])
        ),
        max_size=5,
    )
)
def test_arrays_that_numpy_wrote_come_back(kinds):
    arrays = {name: np.ones(shape, dtype) for name, (shape, dtype) in kinds.items()}
    file = BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    found = read_npz(file, len(file.getvalue()))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@given(st.data())
def test_bytes_of_an_archive_that_flipped_are_refused_or_read_within_its_size(data):
    file = BytesIO()
    np.savez(file, a=np.arange(300), b=np.zeros((3, 4), np.float32))
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        arrays = read_npz(BytesIO(bytes(content)), len(content))
    except Exception:  # damaged bytes fail in many ways
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(content)
