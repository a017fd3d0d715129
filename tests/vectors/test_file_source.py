"""Words that are not UTF-8 are skipped, counted and named."""

import re

import numpy as np
import pytest

from sklearn_rnn import SequenceVectorizer
from sklearn_rnn.embeddings import PretrainedEmbedding
from sklearn_rnn.exceptions import VectorFileError
from vector_files import PACKED, as_binary, assert_is, read_bytes

CUT = "电影".encode()[:-1]  # as word2vec.c cuts a long word
ROWS = {
    "text": b"a 1 2\n%b 3 4\nb 5 6\n",
    "text with header": b"3 2\na 1 2\n%b 3 4\nb 5 6\n",
    "binary": as_binary(["a", "%b", "b"], np.float32([[1, 2], [3, 4], [5, 6]])),
    "binary with line breaks": as_binary(
        ["a", "%b", "b"], np.float32([[1, 2], [3, 4], [5, 6]]), b"\n"
    ),
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("form", ROWS)
@pytest.mark.parametrize("word", [CUT, b"caf\xe9", b"\xed\xa0\x80", b"\xff"])
def test_a_row_whose_word_is_not_utf8_is_skipped_and_counted_once(form, packed, word):
    data = PACKED[packed](ROWS[form].replace(b"%b", word))
    shown = re.escape(repr(word.decode(errors="backslashreplace")))
    message = (
        rf"PretrainedEmbedding: .* has 1 of 3 words that are not UTF-8, .* (row|line) \d: {shown}"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        found = read_bytes(data, {"a", "b"})
    assert len(caught) == 1
    assert_is(found, ["a", "b"], [[1, 2], [5, 6]])


def test_the_first_row_may_be_the_one_that_is_not_utf8():
    with pytest.warns(UserWarning, match="has 1 of 3 words"):
        found = read_bytes(b"3 2\nS\xe3o Paulo 1 2\nNew York 3 4\nb 5 6\n", {"New York", "b"})
    assert_is(found, ["New York", "b"], [[3, 4], [5, 6]])


def test_the_warning_points_at_the_fit(tmp_path):
    (tmp_path / "cut").write_bytes(ROWS["text"].replace(b"%b", CUT))
    sequences = SequenceVectorizer(token_pattern=r"\w").fit_transform(["a b"])
    with pytest.warns(UserWarning, match="Their rows are skipped, the others are read") as caught:
        PretrainedEmbedding(tmp_path / "cut").fit(sequences)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("form", ROWS)
def test_other_damage_is_an_error_also_in_a_row_that_is_skipped(form):
    data = ROWS[form].replace(b"%b", CUT)
    cut = data[:-9] if "binary" in form else data.replace(b" 3 4", b" 3")
    with pytest.raises(VectorFileError):
        read_bytes(cut, {"a", "b"})
