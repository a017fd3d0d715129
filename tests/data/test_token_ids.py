"""Texts become ids in chunks and by processes, and the ids are the same."""

import gc
import subprocess
import sys

import numpy as np
import pytest

from long_corpus import TEXTS
from paths import PACKAGE_HOME
from sklearn_rnn import SequenceVectorizer


@pytest.mark.parametrize("texts", [[*TEXTS, None], []], ids=["None", "no text"])
def test_bad_texts_leave_no_file_and_the_vectorizer_as_it_was(tmp_path, texts):
    vectorizer = SequenceVectorizer(memmap_dir=tmp_path).fit(["so good"])
    with pytest.raises((TypeError, ValueError), match=r"in row 1300|at least one text"):
        vectorizer.fit_transform(texts)
    with pytest.raises((TypeError, ValueError), match=r"in row 1300|at least one text"):
        vectorizer.transform(texts)
    gc.collect()
    assert vectorizer.vocabulary_ == {"good": 2, "so": 3}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("parameters", [{}, {"min_df": 2, "max_features": 50}])
def test_several_processes_read_the_same_as_one(tmp_path, parameters):
    one = SequenceVectorizer(**parameters, max_len=30)
    expected = one.fit_transform(TEXTS)
    two = SequenceVectorizer(**parameters, max_len=30, n_jobs=2)
    for sequences in (two.fit_transform(iter(TEXTS)), two.transform(TEXTS), one.transform(TEXTS)):
        np.testing.assert_array_equal(sequences.ids, expected.ids)
        assert sequences.vocabulary == expected.vocabulary
    two.set_params(memmap_dir=tmp_path, tokenizer=lambda text: text.split(), token_pattern=None)
    one.set_params(tokenizer=two.tokenizer, token_pattern=None)
    np.testing.assert_array_equal(two.fit_transform(TEXTS).ids, one.fit_transform(TEXTS).ids)


def test_an_error_among_processes_names_the_row_and_changes_nothing():
    vectorizer = SequenceVectorizer(n_jobs=2).fit(["so good"])
    with pytest.raises(TypeError, match="got NoneType in row 1300"):
        vectorizer.fit([*TEXTS, None])
    assert vectorizer.vocabulary_ == {"good": 2, "so": 3}


def test_processes_that_read_texts_load_no_torch():
    code = (
        "import sys; from sklearn_rnn import SequenceVectorizer; import sklearn_rnn.corpora\n"
        "SequenceVectorizer().fit_transform(['so good'])\n"
        "assert not {'torch', 'skorch', 'gensim'} & set(sys.modules)"
    )
    home = str(PACKAGE_HOME)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {home!r})\n{code}"]
    subprocess.run(command, check=True)
