"""Archives are read within limits, whatever they say of themselves."""

import json
from io import BytesIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from sklearn_rnn._utils.archives import check_npy, open_zip, read_json, read_npz, read_within

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


@pytest.mark.parametrize("method", [ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA])
@pytest.mark.parametrize("said", [None, 100])
def test_a_member_that_inflates_is_refused_before_it_does(method, said):
    data = archive_of({"zeros": bytes(50 * MEGABYTE)}, method)
    data = data if said is None else with_size(data, said)
    peak, error = hostile.peak_of(lambda: read_within(open_zip(BytesIO(data)), "zeros", MEGABYTE))
    assert error is not None
    assert peak < 3 * MEGABYTE


def test_a_directory_of_many_entries_is_refused_before_it_is_read():
    data = archive_of({f"{i:020}": b"" for i in range(50_000)})
    peak, error = hostile.peak_of(open_zip, BytesIO(data))
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


def test_any_archive_is_read_within_its_size_or_refused():
    header = hostile.npy_header
    starts = [
        b"",
        b"not an array",
        header((250,)),
        header((25 * MEGABYTE,)),
        header((10**15,)),
        header((10**6,) * 3),
        header((0, 10**12)),
    ]

    @given(hostile.zips(["a.npy", "b.npy", "c/d.npy"], starts))
    def check(data):
        peak, _ = hostile.peak_of(read_npz_of, data)
        assert peak < 2 * MEGABYTE + 3 * len(data)

    def read_npz_of(data):
        return read_npz(BytesIO(data), len(data), (ZIP_STORED, ZIP_DEFLATED))

    check()


def test_headers_of_arrays_that_numpy_would_evaluate_are_refused():
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'descr': '<f4'}\n"
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(8)
    assert np.load(BytesIO(npy)).shape == (2,)
    with pytest.raises(ValueError, match="an array with the header"):
        read_npz(BytesIO(archive_of({"a.npy": npy})), 10_000)


# ---- JSON ------------------------------------------------------------------------------------

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text()
)


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(), inner, max_size=9),
    )
)
def test_json_comes_back(value):
    data = json.dumps(value).encode()
    assert read_json(data, 1000 + 200 * len(data)) == value


def rows_of_json():
    """A strategy: one piece of JSON many times, in a list."""
    tiny = st.sampled_from(
        ["0", "1.5", '""', '"ab"', '"\\u00e9"', '"é"', "[]", "{}", "-1e9", "null"]
    )
    piece = st.recursive(
        tiny,
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
            | st.lists(inner, max_size=6).map(
                lambda items: "{" + ",".join(f'"{i}":{v}' for i, v in enumerate(items)) + "}"
            )
        ),
    )
    nested = st.builds(lambda n, inner: "[" * n + inner + "]" * n, st.integers(0, 300), piece)
    keyed = st.builds(lambda n, inner: '{"":' * n + inner + "}" * n, st.integers(0, 300), piece)
    sparse = st.sampled_from(["", '"' + "a" * 5_000 + '\U0001f600"'])
    return st.tuples(nested | keyed, sparse)


def test_json_takes_no_more_memory_than_is_reckoned():
    @given(rows_of_json())
    def check(parts):
        piece, extra = parts
        rows = [piece] * (20_000 // (len(piece) + 1) + 1) + [extra] * bool(extra)
        data = f"[{','.join(rows)}]".encode()
        try:
            read_json(data, 0)
        except ValueError as error:
            reckoned = int(str(error).split("may take ")[1].split(", not")[0].replace(",", ""))
        peak, error = hostile.peak_of(read_json, data, reckoned)
        assert error is None
        assert peak <= reckoned + 50_000  # of a megabyte and more, what is made once is nothing
        assert reckoned < 75 * len(data)

    check()


@pytest.mark.parametrize("sign", ["[", '{"a":'])
def test_json_that_is_nested_without_end_is_refused(sign):
    with pytest.raises((RecursionError, ValueError)):
        read_json(sign.encode() * 10**6, 10**9)
