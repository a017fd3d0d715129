"""What is no file of word vectors is known by how it begins (see test_files_damaged.py, too)."""

import pytest

from sklearn_rnn.exceptions import VectorFileError
from vector_files import PACKED, WORDS, read, read_bytes, real


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("suffix", [".txt", ".bin", ".vec", ".model", ".txt.gz", ".zip"])
@pytest.mark.parametrize("packed", PACKED)
def test_a_pickle_is_opened_under_no_name_but_kv(suffix, packed):
    import pickle

    data = PACKED[packed](pickle.dumps(Bomb()))
    with pytest.raises(VectorFileError, match="is a pickle, which can run code"):
        read_bytes(data, WORDS, suffix)


REFUSED = {
    "pretrained.vec": "has 1 rows, its header says 3",
    "toy-model.bin": "is a fastText model",
    "lee_fasttext.bin": "is a fastText model",  # of the time before its files had a mark
    "crime-and-punishment.bin": "is a fastText model",
    "COPYING": "line 1 contains no word followed by numbers",
}


@pytest.mark.parametrize("name", REFUSED)
def test_real_files_that_are_damaged_or_no_vectors_are_refused(name):
    with pytest.raises(VectorFileError, match=REFUSED[name]):
        read(real(f"fixtures/{name}"), WORDS)
