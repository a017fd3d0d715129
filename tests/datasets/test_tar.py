"""The members of an archive are those that the standard library finds."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imdb_archives import member
from sklearn_rnn.datasets._tar import TarStream


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
