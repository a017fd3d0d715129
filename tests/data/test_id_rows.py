"""Rows of ids in memory or on disk are the same, and no file is left."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import Parallel, delayed

from long_corpus import TEXTS
from sklearn_rnn import SequenceVectorizer


@given(
    texts=st.lists(st.text("ab c", max_size=12), min_size=1, max_size=20).filter("".join),
    max_len=st.none() | st.integers(1, 5),
    sides=st.tuples(*[st.sampled_from(["pre", "post"])] * 2),
    min_df=st.sampled_from([1, 2, 0.5]),
    max_features=st.none() | st.just(4),
)
def test_ids_on_disk_are_those_in_memory(
    tmp_path_factory, texts, max_len, sides, min_df, max_features
):
    parameters = {
        "max_len": max_len,
        "padding": sides[0],
        "truncating": sides[1],
        "min_df": min_df,
        "max_features": max_features,
    }
    in_memory = SequenceVectorizer(**parameters)
    on_disk = SequenceVectorizer(**parameters, memmap_dir=tmp_path_factory.mktemp("ids"))
    try:
        expected = in_memory.fit_transform(texts)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)[:40]):
            on_disk.fit_transform(texts)
        return
    for sequences in (on_disk.fit_transform(iter(texts)), on_disk.transform(iter(texts))):
        np.testing.assert_array_equal(sequences.ids, expected.ids)
        assert sequences.vocabulary == expected.vocabulary


def test_chunks_join_as_if_there_were_none(corpus, tmp_path):
    vectorizer = SequenceVectorizer(min_df=2)
    expected = vectorizer.fit_transform(TEXTS).ids
    on_disk = SequenceVectorizer(min_df=2, memmap_dir=tmp_path / "ids").fit_transform(corpus)
    np.testing.assert_array_equal(on_disk.ids, expected)
    np.testing.assert_array_equal(
        np.concatenate([vectorizer.transform([text]).ids for text in TEXTS]), expected
    )


def test_the_file_of_ids_goes_when_nothing_uses_it(tmp_path):
    sequences = SequenceVectorizer(memmap_dir=tmp_path / "ids").fit_transform(TEXTS)
    part = sequences[10:20]
    del sequences
    gc.collect()
    assert len(list((tmp_path / "ids").iterdir())) == 1
    assert part.ids.any()
    del part
    gc.collect()
    assert not list((tmp_path / "ids").iterdir())


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_workers_return_what_they_encoded_and_leave_no_file(tmp_path, backend):
    folder = tmp_path / "ids"
    vectorizer = SequenceVectorizer(memmap_dir=folder).fit(TEXTS)
    parts = Parallel(2, backend=backend)(delayed(vectorizer.transform)(TEXTS) for _ in range(2))
    expected = vectorizer.set_params(memmap_dir=None).transform(TEXTS)
    for part in parts:
        np.testing.assert_array_equal(part.ids, expected.ids)
    assert not list(folder.iterdir())


def test_workers_read_ids_on_disk(tmp_path):
    sequences = SequenceVectorizer(memmap_dir=tmp_path).fit_transform(TEXTS)
    sums = Parallel(2)(delayed(np.sum)(sequences[i::2].ids) for i in range(2))
    assert sum(sums) == sequences.ids.sum()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_few_texts_stay_in_memory_so_that_a_model_in_use_writes_no_file(tmp_path):
    vectorizer = SequenceVectorizer(memmap_dir=tmp_path / "ids").fit(TEXTS)
    assert vectorizer.transform(TEXTS[:1]).shape == (1, 500)
    assert not list((tmp_path / "ids").glob("*") if (tmp_path / "ids").exists() else [])
