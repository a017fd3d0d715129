"""What could not be read again is not saved."""

import jieba
import joblib
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_rnn import (
    RNNTextClassifier,
    SequenceVectorizer,
    persistence,
)
from sklearn_rnn.exceptions import ModelFileError
from small_models import LABELS, TEXTS

pytest.importorskip("skops.io")


@pytest.mark.parametrize("write", [persistence.save, joblib.dump])
def test_a_method_of_what_cannot_be_saved_says_what_to_do(path, write):
    vectorizer = SequenceVectorizer(tokenizer=jieba.lcut, token_pattern=None)
    with pytest.raises(TypeError, match=r"tokenizer is 'lcut', a method .* Define a function"):
        write(vectorizer, path)
    assert not path.exists() or write is joblib.dump


def test_a_function_without_a_name_cannot_be_saved_and_the_old_file_stays(model, path):
    persistence.save(model, path)
    before = path.read_bytes()

    def local(text):
        return text.split()

    for tokenizer in (lambda text: text.split(), local):
        vectorizer = SequenceVectorizer(tokenizer=tokenizer, token_pattern=None)
        with pytest.raises(ModelFileError, match="cannot be found there by that name"):
            persistence.save(vectorizer, path)
        with pytest.raises(Exception, match=r"[Cc]an't (pickle|get local)"):
            joblib.dump(vectorizer, path.with_name("other"))
    assert path.read_bytes() == before


def test_a_name_that_is_anothers_by_now_is_refused(path, words_module):
    plain = words_module.cut
    words_module.cut = lambda text: []
    with pytest.raises(ModelFileError, match=r"my_words.cut is another function"):
        persistence.save(SequenceVectorizer(tokenizer=plain), path)


def test_folders_of_a_machine_stay_there(model, path, tmp_path):
    """Whoever opens the file elsewhere would write into folders that somebody else named."""
    classifier = clone(model[-1]).set_params(checkpoint_dir=tmp_path / "checkpoints")
    classifier.fit(model[:-1].transform(TEXTS), LABELS)
    vectorizer = clone(model[0]).set_params(memmap_dir=str(tmp_path))
    pipeline = Pipeline(
        [("vectorizer", vectorizer), ("classifier", classifier)], memory=str(tmp_path)
    )
    persistence.save(pipeline, path)
    loaded = persistence.load(path)
    assert (loaded.memory, loaded[0].memmap_dir, loaded[1].checkpoint_dir) == (None, None, None)
    assert pipeline.memory == vectorizer.memmap_dir == str(tmp_path)


@pytest.mark.parametrize("held", [bytearray(b"a"), {1.5, *range(2_000)}, {2**70: 1}])
def test_what_load_would_not_read_is_not_saved(path, held):
    with pytest.raises(ModelFileError, match=r"^save: .*(cannot be saved|can be read)"):
        persistence.save(RNNTextClassifier(class_weight={0: held}), path)
    assert not path.exists()


def test_a_device_of_torchs_is_saved_as_its_name(path):
    persistence.save(RNNTextClassifier(device=torch.device("cpu")), path)
    assert persistence.load(path).device == "cpu"
