"""Reading runs no code, and refuses what was damaged or altered."""

import copy
import io as streams
import json
import os
import pickle
import re
import subprocess
import zipfile
from dataclasses import replace
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from scipy.stats import loguniform
from sklearn.calibration import _CalibratedClassifier
from sklearn.metrics import check_scoring, f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, RepeatedKFold, check_cv
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_rnn import (
    RNNTextClassifier,
    persistence,
)
from sklearn_rnn.exceptions import ModelFileError
from small_models import TEXTS, assert_same_answers

skops = pytest.importorskip("skops.io")


# ---- No code ---------------------------------------------------------------------------------


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def planted(model, place, payload):
    """Return a copy of a fitted pipeline that holds something foreign."""
    model = joblib.load(saved_by_joblib(model))
    vectorizer, classifier = model[0], model[-1]
    if place == "parameter":
        classifier.lr = payload
    elif place == "tokenizer":
        vectorizer.tokenizer = payload
    elif place == "callbacks":
        classifier.callbacks = [payload]
    elif place == "optimizer":
        classifier.optimizer = partial(payload)
    elif place == "vocabulary":
        vectorizer.vocabulary = {"word": payload}
    elif place == "history":
        classifier.history_["train_loss"] = payload
    elif place == "entries":
        vectorizer._entries = [payload]
    elif place == "plan":
        classifier._config = replace(classifier._config, cell=payload)
    elif place == "step":
        model.steps.append(("last", payload))
    elif place in PARTS:
        classifier.callbacks = [PARTS[place](payload)]
    return model


def with_attribute(thing, name, value):
    vars(thing)[name] = value
    return thing


def calibrated(payload):
    return _CalibratedClassifier(payload, [], classes=np.arange(2))


# What scikit-learn's searches, ensembles and calibrated classifiers are made of.
PARTS = {
    "bunch": lambda payload: Bunch(estimator=payload),
    "scorer": lambda payload: make_scorer(payload),
    "scorer's arguments": lambda payload: make_scorer(f1_score, average=payload),
    "scorer of a score": lambda payload: with_attribute(
        check_scoring(RNNTextClassifier()), "_estimator", payload
    ),
    "splitter": lambda payload: with_attribute(KFold(2), "random_state", payload),
    "repeated splitter": lambda payload: with_attribute(RepeatedKFold(), "cv", payload),
    "splits": lambda payload: check_cv([([0], [payload])]),
    "calibrator": calibrated,
    "request": lambda payload: with_attribute(MetadataRequest("owner"), "owner", payload),
    "set": lambda payload: frozenset([payload]),
    "function": lambda payload: FunctionTransformer(payload),
    "argument": lambda payload: FunctionTransformer(np.sqrt, kw_args={"out": payload}),
    "partial": lambda payload: partial(f1_score, average=payload),
    "search": lambda payload: with_attribute(GridSearchCV(None, {}), "best_estimator_", payload),
}


def saved_by_joblib(model):
    buffer = streams.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return buffer


PLACES = [
    "parameter",
    "tokenizer",
    "callbacks",
    "optimizer",
    "vocabulary",
    "history",
    "entries",
    "plan",
    "step",
    *PARTS,
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("payload", [os.system, subprocess.run, eval])
def test_a_foreign_function_is_refused_wherever_it_stands(model, path, place, payload):
    path.write_bytes(skops.dumps(planted(model, place, payload)))
    with pytest.raises(ModelFileError, match=rf"contains \[.*{payload.__name__}'"):
        persistence.load(path)


def pickled_arrays(data, payload):
    """Return the archive, and for each of its arrays one where a pickle stands in its place."""
    with zipfile.ZipFile(streams.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name in files:
        if name.endswith(".npy"):
            array = np.empty(1, object)
            array[0] = payload
            buffer = streams.BytesIO()
            np.save(buffer, array, allow_pickle=True)
            yield name, archive_of(files | {name: buffer.getvalue()})


EXECUTES = "import os; os.system('touch {}')"


def test_a_distribution_which_would_execute_a_text_is_refused(path, tmp_path):
    """SciPy's distributions run one of their attributes when they are unpickled."""
    witness = tmp_path / "it_ran"
    distribution = loguniform(1, 2)
    distribution.dist._parse_arg_template = EXECUTES.format(witness)
    classifier = RNNTextClassifier(callbacks=[distribution])
    path.write_bytes(skops.dumps(classifier))
    with pytest.raises(ModelFileError, match=r"contains .*rv_continuous_frozen"):
        persistence.load(path)
    assert not witness.exists()
    with pytest.raises(Exception, match="_parse_args"):  # the payload is a real one
        pickle.loads(pickle.dumps(distribution))
    assert witness.exists()


@pytest.mark.parametrize("node", ["ConstructorFromReduceNode", "ListNode", "RandomStateNode"])
@pytest.mark.parametrize("named", [f1_score, KFold, RNNTextClassifier, type(make_scorer(max))])
def test_what_is_trusted_is_not_called_by_the_file(path, named, node):
    """Trusted types get attributes, and trusted functions are called by what they belong to."""
    path.write_bytes(skops.dumps(RNNTextClassifier(callbacks=[frozenset([1])])))
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    (call,) = schema["content"]["content"]["callbacks"]["content"]
    assert call["__loader__"] == "ConstructorFromReduceNode"
    call["__module__"], call["__class__"] = named.__module__, named.__name__
    call["__loader__"] = node
    if node == "ListNode":
        call["content"] = []
    path.write_bytes(archive_of(files | {"schema.json": json.dumps(schema)}))
    with pytest.raises(
        ModelFileError, match=rf"contains \['{re.escape(named.__module__)}.*could run"
    ):
        persistence.load(path)


def archive_of(files):
    buffer = streams.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_pickle_in_the_place_of_any_array_is_refused_and_never_run(model, path, tmp_path):
    witness = tmp_path / "it_ran"
    planted_in = 0
    for name, data in pickled_arrays(skops.dumps(model), Payload(f"touch {witness}")):
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match="is not a model that can be read"):
            persistence.load(path)
        assert not witness.exists(), name
        planted_in += 1
    assert planted_in > 10
    # The same bytes do run where they are trusted: the payload is a real one.
    joblib.dump(Payload(f"touch {witness}"), path)
    joblib.load(path)
    assert witness.exists()


def test_a_pickle_is_no_model(model, path):
    joblib.dump(model, path)
    with pytest.raises(ModelFileError, match="is not a model that can be read"):
        persistence.load(path)


# ---- Whole files -----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(model, path, share):
    persistence.save(model, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ModelFileError, match="It looks damaged"):
        persistence.load(path)


def test_a_changed_byte_is_noticed_or_changes_nothing(model, path):
    """Bytes of the archive's own bookkeeping, such as times, may be what they like."""
    persistence.save(model, path)
    whole = path.read_bytes()
    noticed = 0
    for place in np.random.default_rng(0).integers(len(whole), size=60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            loaded = persistence.load(path)
        except ModelFileError:
            noticed += 1
        else:
            assert_same_answers(loaded, model)
    assert noticed > 40


@pytest.mark.parametrize(
    "altered", [{"hidden_size": 10**6}, {"n_ids": 10**9}, {"num_layers": 10**9}, {"n_pairs": -1}]
)
def test_a_file_that_asks_for_more_than_it_holds_is_refused_before_anything_is_made(
    model, path, altered
):
    classifier = copy.deepcopy(model[-1])
    classifier._config = replace(classifier._config, **altered)
    path.write_bytes(skops.dumps(classifier))
    with pytest.raises(ModelFileError):
        persistence.load(path)
    path.unlink()
    with pytest.raises(ModelFileError, match="could not be read back"):
        persistence.save(classifier, path)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["float64", "nan", "flipped"])
def test_altered_weights_are_refused_by_every_way_of_opening(model, path, kind):
    classifier = copy.deepcopy(model[-1])
    state = classifier.__getstate__()
    weights = np.array(state["_network"]["arrays"]["head.weight"])
    if kind == "float64":
        weights = weights.astype(np.float64)
    else:
        weights[0, 0] = np.nan if kind == "nan" else weights[0, 0] + 1e-3
    state["_network"]["arrays"]["head.weight"] = weights
    altered = type("Altered", (), {"__reduce__": lambda _: (rebuilt, (type(classifier), state))})
    with pytest.raises(ModelFileError):
        pickle.loads(pickle.dumps(altered()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1, 0.5, 1, 1.5, 1e300])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_no_number_in_a_file_lets_a_model_answer_what_is_no_number(models, kind, value):
    estimator, texts = models[kind][-1], models[kind][:-1].transform(TEXTS[:3])
    state = estimator.__getstate__()
    for part, name, number in numbers_in(state, "_plan", "_target"):
        wrong = value if np.isscalar(number) else np.full(np.shape(number), value)
        altered = {**state, part: {**state[part], name: wrong}}
        try:
            model = rebuilt(type(estimator), altered)
            answers = getattr(model, "predict_proba", model.predict)(texts)
        except Exception:  # what does not fit together is refused in many ways
            continue
        assert np.isfinite(answers).all(), name


@pytest.mark.parametrize("ask", ["predict_proba", "predict", "decision_function"])
def test_weights_of_a_file_that_are_too_large_give_an_error(models, ask, path):
    """Each of them is a number; what is made of them is none."""
    model = copy.deepcopy(models["classifier"])
    with torch.no_grad():
        for weights in model[-1].net_.module_.parameters():
            weights.flatten()[::2], weights.flatten()[1::2] = 3e38, -3e38
    persistence.save(model, path)
    with pytest.raises(ValueError, match="outputs are not finite"):
        getattr(persistence.load(path), ask)(TEXTS)


def test_an_answer_too_large_to_be_a_number_is_an_error(models):
    model = copy.deepcopy(models["regressor"])
    model[-1]._target.scale = np.array([1e308])
    with torch.no_grad():
        model[-1].net_.module_.head.bias.fill_(1e9)
    with pytest.raises(ValueError, match="too large to be a finite number"):
        model.predict(TEXTS)


def numbers_in(state, *parts):
    for part in parts:
        for name, number in state[part].items():
            if number is not None and np.asarray(number).dtype.kind in "bfi":
                yield part, name, number


def rebuilt(kind, state):
    model = kind.__new__(kind)
    model.__setstate__(state)
    return model


def test_an_archive_that_would_fill_the_memory_is_refused(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "{}" + " " * 10**7)
    with pytest.raises(ModelFileError, match="was not made by save"):
        persistence.load(path)
