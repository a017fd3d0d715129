"""Models in files that run no code, are whole, and open for ever."""

import copy
import gzip
import importlib
import io as streams
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import jieba
import joblib
import numpy as np
import pytest
import torch
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import _CalibratedClassifier
from sklearn.metrics import check_scoring, f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, RepeatedKFold, check_cv
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRequest

from paths import PACKAGE_HOME, SAVED_MODELS
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, SequenceVectorizer
from sklearn_rnn._utils import versioned_state as _format
from sklearn_rnn._utils.versioned_state import FORMAT
from sklearn_rnn.datasets import make_reviews
from sklearn_rnn.embeddings import FastTextEmbedding, PretrainedEmbedding, Word2VecEmbedding
from sklearn_rnn.exceptions import ModelFileError
from sklearn_rnn.persistence import _model_files
from sklearn_rnn.persistence import _reading as _model_reading

skops = pytest.importorskip("skops.io")
from sklearn_rnn import persistence  # noqa: E402

PATTERN = re.compile(r"\w+")
TEXTS, LABELS = make_reviews(60, n_filler=(0, 1), random_state=0)
QUICK = {"hidden_size": 4, "embedding_dim": 4, "max_epochs": 2, "random_state": 0}
VECTORS = {"vector_size": 4, "epochs": 1, "random_state": 0}


def read_words(text):
    """Return the words of a text: a tokenizer with a name."""
    return text.split()


MODELS = {
    "classifier": [RNNTextClassifier(**QUICK)],
    "regressor": [RNNTextRegressor(**QUICK, pooling="attention")],
    "word2vec": [Word2VecEmbedding(**VECTORS), RNNTextClassifier(**QUICK)],
    "fasttext": [
        FastTextEmbedding(**VECTORS, bucket=100, keep_subwords=True),
        RNNTextClassifier(**QUICK, freeze_embedding=True),
    ],
}


def fitted(kind):
    model = make_pipeline(SequenceVectorizer(max_len=40), *map(clone, MODELS[kind]))
    return model.fit(TEXTS, LABELS == "positive" if kind == "regressor" else LABELS)


@pytest.fixture(scope="module")
def models():
    return {kind: fitted(kind) for kind in MODELS}


@pytest.fixture
def model(models):
    return models["classifier"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


def assert_same_answers(ours, theirs):
    for answer in ("predict", "transform"):
        np.testing.assert_array_equal(getattr(ours, answer)(TEXTS), getattr(theirs, answer)(TEXTS))


# ---- There and back --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_comes_back_as_it_was_to_the_last_bit(models, kind, path):
    persistence.save(models[kind], path)
    assert_same_answers(persistence.load(path), models[kind])


def test_a_model_of_vectors_from_a_model_comes_back(models, path):
    source = PretrainedEmbedding(models["word2vec"])
    model = make_pipeline(SequenceVectorizer(), source, RNNTextClassifier(**QUICK))
    model.fit(TEXTS, LABELS)
    persistence.save(model, path)
    assert_same_answers(persistence.load(path), model)


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_to_be_trusted_is_of_this_library(models, kind):
    untrusted = skops.get_untrusted_types(data=skops.dumps(models[kind]))
    assert set(untrusted) <= set(persistence.trusted_types())


def test_words_of_lone_surrogates_stay_two_words(path):
    words = ["\ud83d\ude00", "\U0001f600", "\x00", '"', "é"]
    vectorizer = SequenceVectorizer(tokenizer=str.split, token_pattern=None, vocabulary=words)
    ids = vectorizer.fit([" "]).transform(words).ids
    for copied in (pickle.loads(pickle.dumps(vectorizer)), copy.deepcopy(vectorizer)):
        np.testing.assert_array_equal(copied.transform(words).ids, ids)


def test_the_trusted_types_are_there(models):
    """A name that nothing has could be anybody's tomorrow."""
    for name in persistence.trusted_types():
        module, _, attribute = name.rpartition(".")
        __import__(module)
        assert callable(getattr(sys.modules[module], attribute))


def test_a_model_that_was_not_fitted_comes_back(path):
    persistence.save(RNNTextClassifier(hidden_size=7), path)
    assert persistence.load(path).hidden_size == 7


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


# ---- Functions -------------------------------------------------------------------------------


@pytest.fixture
def words_module(tmp_path, monkeypatch):
    """A module of the user's with a tokenizer."""
    (tmp_path / "my_words.py").write_text(
        "import jieba\n\ndef cut(text):\n    return jieba.lcut(text)\n", "utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_words")
    del sys.modules["my_words"]


def test_a_function_is_named_and_must_be_trusted(path, words_module):
    vectorizer = SequenceVectorizer(tokenizer=words_module.cut, token_pattern=None)
    persistence.save(vectorizer.fit(["我 喜歡 電影"]), path)
    with pytest.raises(ModelFileError, match=r"my_words.cut.*name them in trusted="):
        persistence.load(path)
    loaded = persistence.load(path, trusted=["my_words.cut"])
    assert loaded.tokenizer is words_module.cut
    joblib.dump(vectorizer, path)
    assert joblib.load(path).tokenizer is words_module.cut


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


def test_trusted_names_are_a_list(path):
    with pytest.raises(TypeError, match=r"expected a list of names in trusted=, got a str"):
        persistence.load(path, trusted="my_words.cut")


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


@pytest.mark.parametrize("write", [persistence.save, joblib.dump])
@pytest.mark.parametrize("linear", ["none", "words", "pairs"])
def test_a_file_is_hardly_larger_than_the_weights(path, write, linear):
    """What a linear model counted is no weight, but it has to be known: its pairs come on top."""
    rng = np.random.default_rng(0)
    X = rng.integers(2, 300, (2_000, 30))
    words = ["".join(map(chr, rng.integers(97, 123, 7))) for _ in range(10_000)]
    classifier = RNNTextClassifier(max_epochs=1, hidden_size=8, linear=linear, random_state=0)
    model = make_pipeline(SequenceVectorizer(vocabulary=sorted(set(words))), classifier)
    model.fit([" ".join(words[i] for i in row) for row in X], np.arange(len(X)) % 2)
    counted = sum(buffer.nbytes for buffer in model[-1].net_.module_.buffers())
    write(model, path)
    ratio = (path.stat().st_size - counted) / (4 * model[-1].n_parameters_)
    print(f"{write.__module__}, linear={linear!r}: {ratio:.3f}, and {counted:,} bytes of counts")
    assert ratio < 1.05


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


@pytest.mark.parametrize("tokenizer", [str.split, PATTERN.findall], ids=["str.split", "bound"])
def test_a_method_cannot_be_named_in_a_file(path, tokenizer):
    with pytest.raises((ModelFileError, TypeError)):
        persistence.save(SequenceVectorizer(tokenizer=tokenizer), path)
    assert not path.exists()


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


def test_a_file_is_opened_where_there_is_no_room_for_a_copy_of_it(model, path, monkeypatch):
    persistence.save(model, path)
    monkeypatch.setattr(_model_files, "SPOOLED_BYTES", 10)
    monkeypatch.setattr(tempfile, "tempdir", str(path.with_name("missing")))
    assert_same_answers(persistence.load(path), model)


def test_a_signed_file_cannot_be_swapped_while_it_is_opened(path, monkeypatch):
    """What is read is what was checked, also where somebody writes to the file meanwhile."""
    key = bytes(range(32))
    persistence.save(RNNTextClassifier(hidden_size=7), path, key=key)
    before, check = path.read_bytes(), _model_reading.check_signature
    persistence.save(RNNTextClassifier(hidden_size=8), path, key=key)
    after = path.read_bytes()
    path.write_bytes(before)

    def check_and_swap(file, key):
        wrong = check(file, key)
        path.write_bytes(after)
        return wrong

    monkeypatch.setattr(_model_reading, "check_signature", check_and_swap)
    assert persistence.load(path, key=key).hidden_size == 7
    assert path.read_bytes() == after


def test_a_device_of_torchs_is_saved_as_its_name(path):
    persistence.save(RNNTextClassifier(device=torch.device("cpu")), path)
    assert persistence.load(path).device == "cpu"


def test_a_missing_file_is_missing(path):
    with pytest.raises(FileNotFoundError):
        persistence.load(path)


# ---- Paths and open files --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_a_path_is_of_any_kind(path, kind):
    persistence.save(RNNTextClassifier(hidden_size=7), kind(path))
    assert persistence.load(kind(path)).hidden_size == 7


def test_open_files_take_and_give_a_model(model, path):
    with path.open("wb") as file:
        persistence.save(model, file)
    assert_same_answers(persistence.load(path), model)
    with path.open("rb") as file:
        assert_same_answers(persistence.load(file), model)
    buffer = streams.BytesIO()
    persistence.save(model, buffer)
    with pytest.raises(ModelFileError, match="the file is at its end"):
        persistence.load(buffer)
    buffer.seek(0)
    assert_same_answers(persistence.load(buffer), model)
    with gzip.open(path, "wb") as file:
        persistence.save(model, file)
    with gzip.open(path, "rb") as file:
        assert_same_answers(persistence.load(file), model)


TEXT_FILES = {
    "in memory": lambda path: streams.StringIO(),
    "on a disk": lambda path: path.open("w+"),
    "temporary": lambda path: tempfile.NamedTemporaryFile("w+"),  # noqa: SIM115 - entered
}


@pytest.mark.parametrize("kind", TEXT_FILES)
def test_files_of_text_are_refused(path, kind):
    with TEXT_FILES[kind](path) as file:
        with pytest.raises(TypeError, match=r'save: .* open for text. Open it with mode "wb"'):
            persistence.save(RNNTextClassifier(), file)
        with pytest.raises(TypeError, match=r'load: .* open for text. Open it with mode "rb"'):
            persistence.load(file)


@pytest.mark.parametrize("path", [None, 3, ["model.skops"]])
def test_what_is_no_path_is_refused(path):
    for use in (
        lambda: persistence.save(RNNTextClassifier(), path),
        lambda: persistence.load(path),
    ):
        with pytest.raises(TypeError, match=f"a path or a binary file, got {type(path).__name__}"):
            use()


def test_places_where_no_file_can_be_are_named(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder\. Name a file in it"):
        persistence.save(RNNTextClassifier(), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"'.*missing' is not a folder"):
        persistence.save(RNNTextClassifier(), tmp_path / "missing" / "model.skops")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        persistence.load(tmp_path)
    assert list(tmp_path.iterdir()) == []


SAVES_AND_DIES = """
import os, signal, sys
from sklearn_rnn import RNNTextClassifier, persistence
name, path = sys.argv[1:]
setattr(os, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
persistence.save(RNNTextClassifier(hidden_size=2), path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_kill_while_saving_leaves_the_old_file_whole(path, call):
    persistence.save(RNNTextClassifier(hidden_size=1), path)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_HOME)}
    command = [sys.executable, "-c", SAVES_AND_DIES, call, str(path)]
    assert subprocess.run(command, env=environment).returncode == -9
    assert persistence.load(path).hidden_size == 1


def test_a_full_disk_leaves_the_old_file_and_nothing_else(model, path, monkeypatch):
    persistence.save(RNNTextClassifier(hidden_size=1), path)

    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        persistence.save(model, path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert persistence.load(path).hidden_size == 1


# ---- Versions --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_a_later_version_says_so(models, kind, path, monkeypatch):
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


def test_without_skops_the_way_out_is_named(model, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[safe\]"'):
        persistence.save(model, path)
