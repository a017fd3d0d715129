"""Files made to exhaust a machine, and what reading them takes."""

import struct
import tracemalloc
from functools import lru_cache
from io import BytesIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import numpy as np
from hypothesis import strategies as st

MEGABYTE = 2**20
METHODS = (ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA)


def peak_of(function, *arguments):
    """Return the most bytes that a call held at a time, and the error that ended it."""
    tracemalloc.start()
    try:
        function(*arguments)
        error = None
    except Exception as raised:
        error = raised
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak, error


def memory(name):
    """Return bytes that are in memory: "VmRSS" now, "VmHWM" at most since `forget_peak`."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def allowed(data):
    """Return the most bytes that reading a file may hold."""
    return 64 * MEGABYTE + 3 * len(data)


def npy_header(shape, dtype="<f4", rest=b""):
    file = BytesIO()
    descr = dtype if isinstance(dtype, str) else list(dtype)
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + rest


@lru_cache
def packed(start, n_zeros, method):
    """Return some bytes and many zeros behind them as a member's raw bytes, and its checksum."""
    file = BytesIO()
    with ZipFile(file, "w", method) as archive:
        archive.writestr("a", start + bytes(n_zeros))
    member = archive.getinfo("a")
    return file.getvalue()[31 : 31 + member.compress_size], member.CRC


def zip_of(members):
    """Return an archive of members (name, start, n_zeros, method, size that it says it has)."""
    data, directory = b"", b""
    for name, start, n_zeros, method, said in members:
        raw, crc = packed(start, n_zeros, method)
        size = len(start) + n_zeros if said is None else said
        name = name.encode()
        entry = struct.pack("<4H3I2H", 63, 0, method, 0, 0, 0, 0, len(name), 0)
        entry = entry[:10] + struct.pack("<3I2H", crc, len(raw), size, len(name), 0)
        directory += b"PK\x01\x02\x3f\x00" + entry + struct.pack("<3H2I", 0, 0, 0, 0, len(data))
        directory += name
        data += b"PK\x03\x04" + entry + name + raw
    n = len(members)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, n, n, len(directory), len(data), 0)
    return data + directory + end


def zips(names, starts):
    """Return a strategy: archives of any methods, sizes and lies, whole or cut."""
    member = st.tuples(
        st.sampled_from(names),
        st.sampled_from(starts),
        st.sampled_from([0, 0, 1, 1000, 40 * MEGABYTE]),
        st.sampled_from(METHODS),
        st.sampled_from([None, None, 0, 100, 2**32 - 2]),
    ).filter(lambda member: member[3] != ZIP_STORED or member[2] <= 1000)
    archives = st.lists(member, max_size=5).map(zip_of)
    return st.one_of(archives, st.builds(_cut, archives, st.integers(0, 400)))


def _cut(data, n_bytes):
    return data[: len(data) - n_bytes]
