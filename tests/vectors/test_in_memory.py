"""Vectors in plain objects: dicts, pairs of words and table, data frames, as Keras users have."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn.embeddings import PretrainedEmbedding

TEXTS = ["so good film", "so bad film", "so odd"]
WORDS = ["so", "film", "good", "unrelated"]
TABLE = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
BY_WORD = dict(zip(WORDS, TABLE, strict=True))
ROWS = {word: row + 1 for row, word in enumerate(WORDS)}  # row 0 is padding
WITH_PADDING = np.vstack([np.zeros((1, 3)), TABLE, TABLE[:2]])

SOURCES = {
    "dict of arrays": BY_WORD,
    "dict of lists": {word: vector.tolist() for word, vector in BY_WORD.items()},
    "dict of tensors": {word: torch.tensor(vector) for word, vector in BY_WORD.items()},
    "dict of learned tensors": {
        w: torch.nn.Parameter(torch.tensor(v)) for w, v in BY_WORD.items()
    },
    "dict of float64": {word: vector.astype(np.float64) for word, vector in BY_WORD.items()},
    "words and table": (WORDS, TABLE),
    "list of the two": [WORDS, TABLE],
    "array of words and lists": (np.array(WORDS), TABLE.tolist()),
    "index and table": (pd.Index(WORDS), TABLE.astype(np.float64)),
    "words and learned weights": (tuple(WORDS), torch.nn.Parameter(torch.tensor(TABLE))),
    "Keras' word_index and embedding_matrix": (ROWS, WITH_PADDING),
    "data frame": pd.DataFrame(TABLE, index=WORDS),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_each_word_gets_its_own_vector(sequences, kind):
    embedding = PretrainedEmbedding(SOURCES[kind]).fit(sequences)
    assert embedding.vectors_.dtype == np.float32
    for word, vector in zip(sequences.vocabulary, embedding.vectors_, strict=True):
        np.testing.assert_array_equal(vector, BY_WORD.get(word, np.zeros(3)))
    assert embedding.coverage_.missing == ["bad", "odd"]


@given(
    st.dictionaries(
        st.text(max_size=4),
        st.lists(
            st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2
        ),
        min_size=1,
    )
)
def test_a_dict_a_pair_and_a_frame_hold_the_same(by_word):
    words, table = list(by_word), np.array(list(by_word.values()))
    vocabulary = ("<pad>!", "<unk>!", *words)
    sequences = TokenSequences(np.arange(1, len(vocabulary))[None], vocabulary)
    rows = {word: row for row, word in enumerate(words)}
    if not table.any():
        return
    for source in (by_word, (words, table), (rows, table), pd.DataFrame(table, index=words)):
        embedding = PretrainedEmbedding(source)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* contains only", UserWarning)
            embedding.fit(sequences)
        # A word of zeros may get another spelling's vector.
        has_own = table.any(axis=1)
        np.testing.assert_array_equal(
            embedding.vectors_[2:][has_own], table[has_own].astype(np.float32)
        )


def test_rows_of_zeros_are_words_without_a_vector(sequences):
    embedding = PretrainedEmbedding((WORDS, TABLE * [[1], [0], [1], [1]]), oov="mean")
    embedding.fit(sequences)
    assert embedding.coverage_.missing == ["film", "bad", "odd"]
    assert embedding.vectors_[2:].any(axis=1).all()


@pytest.mark.parametrize("kind", SOURCES)
def test_clone_shares_the_source_and_a_fit_leaves_it_as_it_was(sequences, kind):
    source = SOURCES[kind]
    before = pickle.dumps(source)
    embedding = PretrainedEmbedding(source).fit(sequences)
    assert clone(embedding).source is source
    assert clone(make_pipeline(embedding))[0].source is source
    assert pickle.dumps(source) == before


def test_vectors_of_other_words_are_never_looked_at(sequences):
    class Lazy(dict):
        def __getitem__(self, word):
            assert word in sequences.vocabulary
            return super().__getitem__(word)

    assert PretrainedEmbedding(Lazy(BY_WORD)).fit(sequences).found_.sum() == 3


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_goes_without_the_source_and_fits_again(sequences, kind, copied):
    embedding = copied(PretrainedEmbedding(SOURCES[kind], oov="mean").fit(sequences))
    assert b"unrelated" not in pickle.dumps(embedding)
    again = clone(embedding).fit(sequences)
    np.testing.assert_array_equal(again.vectors_, embedding.vectors_)


def test_a_search_in_two_processes_takes_a_source_in_memory():
    model = make_pipeline(
        SequenceVectorizer(max_len=4),
        PretrainedEmbedding((ROWS, WITH_PADDING)),
        RNNTextClassifier(hidden_size=2, max_epochs=1, random_state=0),
    )
    grid = {"pretrainedembedding__oov": ["zero", "mean"]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2, error_score="raise")
    search.fit(TEXTS[:2] * 4, [0, 1] * 4)
    assert len(search.predict(TEXTS)) == 3


def changed(**vectors):
    return {**BY_WORD, **vectors}


REFUSED = {
    "ragged dict": (changed(film=[1.0]), ValueError, "got 3 values for the first .* 1 for 'film'"),
    "NaN": (changed(film=[1, np.nan, 2]), ValueError, "finite float32 .* others for 'film'"),
    "too large for float32": (changed(film=[1, 1e39, 2]), ValueError, "others for 'film'"),
    "empty vector": (changed(film=[]), TypeError, r"'film' .* got list of shape \(0,\)"),
    "nested vector": (changed(film=[[1, 2, 3]]), TypeError, r"'film' .* of shape \(1, 3\)"),
    "text": (changed(film="1 2 3"), TypeError, "vector of numbers for 'film' .* got str"),
    "numbers as text": (changed(film=["1", "2", "3"]), TypeError, "'film' .* got list .*<U1"),
    "nothing": (changed(film=None), TypeError, "'film' .* got NoneType"),
    "complex": (changed(film=[1j, 2, 3]), TypeError, "'film' .* complex"),
    "truth": (changed(film=[True, False, True]), TypeError, "'film' .* bool"),
    "rows without a table": (ROWS, TypeError, r"pair: \(rows, table\)"),
    "empty dict": ({}, ValueError, "the source, dict, contains no words"),
    "empty pair": (([], np.zeros((0, 3))), ValueError, "the source, tuple, contains no words"),
    "ids as keys": ({5: TABLE[0]}, TypeError, r"expected words \(str\) .* got 5 of type int"),
    "bytes as keys": ({b"so": TABLE[0]}, TypeError, "got b'so' of type bytes. Decode bytes"),
    "ids in a pair": ((range(4), TABLE), TypeError, "got 0 of type int"),
    "ids in a frame": (pd.DataFrame(TABLE), TypeError, "got 0 of type int"),
    "fewer words": ((WORDS[:3], TABLE), ValueError, "got 3 words and 4 rows"),
    "more words": ((WORDS, TABLE[:3]), ValueError, "got 4 words and 3 rows"),
    "a word twice": ((["so", "a", "b", "so"], TABLE), ValueError, "got 'so' in rows 0 and 3"),
    "row outside": (({"so": 4}, TABLE), ValueError, "row .*, 0 to 3, .* got 4 for 'so'"),
    "negative row": (({"so": -1}, TABLE), ValueError, "got -1 for 'so'"),
    "row of no number": (({"so": 1.0}, TABLE), ValueError, r"got 1\.0 for 'so'"),
    "table before words": ((TABLE, WORDS), TypeError, "words and a table .*, in this order"),
    "flat table": ((WORDS, TABLE[:, 0]), TypeError, r"got ndarray of shape \(4,\)"),
    "ragged table": ((WORDS, [[1], [1, 2], [1], [1]]), TypeError, "a table of numbers of shape"),
    "table of objects": ((WORDS, TABLE.astype(object)), TypeError, "and type object as its"),
    "one text": (("so", TABLE), TypeError, "expected a list of words, .* got str"),
    "two texts": (("so", "film"), TypeError, "a table of numbers of shape"),
    "three parts": (
        (WORDS, TABLE, 1),
        TypeError,
        r"expected source to be .* pair \(words, table\)",
    ),
    "an iterator": (zip(WORDS, TABLE, strict=True), TypeError, "expected source to be .* got zip"),
    "a series": (pd.Series([1.0], ["so"]), TypeError, "expected source to be .* got Series"),
    "other words": ({"x": [1.0]}, ValueError, "the source, dict, has no word in common"),
    "zeros alone": ({"so": [0.0]}, ValueError, "the source, dict, has no word in common"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_source_that_cannot_serve_is_refused(sequences, kind):
    source, error, message = REFUSED[kind]
    embedding = PretrainedEmbedding(source)
    with pytest.raises(error, match=f"^PretrainedEmbedding: .*{message}"):
        embedding.fit(sequences)
    assert not hasattr(embedding, "vectors_")


def test_a_dict_has_no_parts_of_words(sequences):
    with pytest.raises(ValueError, match=r"needs a fastText model as source.*Got dict"):
        PretrainedEmbedding(BY_WORD, oov="subword").fit(sequences)
