"""Models of earlier formats open for ever; those of later ones say so."""

import json
import pickle

import joblib
import numpy as np
import pytest

from paths import SAVED_MODELS
from sklearn_rnn import persistence
from sklearn_rnn._utils import saved_state as _format
from sklearn_rnn._utils.saved_state import FORMAT
from sklearn_rnn.exceptions import ModelFileError
from small_models import MODELS

pytest.importorskip("skops.io")


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_a_later_version_says_so(models, kind, tmp_path, monkeypatch):
    path = tmp_path / "model.skops"
    for step in models[kind]:
        with monkeypatch.context() as later:
            later.setattr(_format, "FORMAT", FORMAT + 1)
            persistence.save(step, path)
            data = pickle.dumps(step)
        for read in (lambda: persistence.load(path), lambda: pickle.loads(data)):  # noqa: B023
            with pytest.raises(ModelFileError, match=f"format {FORMAT + 1}; this version reads"):
                read()


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_models_of_earlier_formats_open_for_ever(number):
    expected = json.loads((SAVED_MODELS / f"format-{number}.json").read_text("utf-8"))
    for model in (
        persistence.load(SAVED_MODELS / f"format-{number}.skops"),
        joblib.load(SAVED_MODELS / f"format-{number}.joblib"),
    ):
        assert model.predict(expected["texts"]).tolist() == expected["labels"]
        np.testing.assert_allclose(
            model.predict_proba(expected["texts"]), expected["probabilities"], atol=1e-6
        )


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_models_of_the_first_format_go_on_learning(method):
    """They do not tell of how many texts they know, so that chunks leave what they know."""
    expected = json.loads((SAVED_MODELS / "format-1.json").read_text("utf-8"))
    model = joblib.load(SAVED_MODELS / "format-1.joblib")
    sequences, classifier = model[0].transform(expected["texts"]), model[-1]
    idf = classifier.net_.module_.linear.idf.clone()
    classifier.set_params(warm_start=True, max_epochs=1)
    getattr(classifier, method)(sequences, expected["labels"])
    assert classifier.n_iter_ == 5
    changed = (classifier.net_.module_.linear.idf[: len(idf)] != idf).any()
    assert changed == (method == "fit")
