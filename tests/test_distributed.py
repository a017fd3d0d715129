"""Texts in pieces, on a cluster of real processes, come to what they come to in one place."""

import importlib.util
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from paths import SCRIPTS
from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, distributed
from sklearn_rnn.datasets import make_reviews
from small_models import TWO_EPOCHS

pytest.importorskip("distributed")
import dask.bag
import dask.dataframe
import pandas as pd
from dask.distributed import Client, LocalCluster

from sklearn_rnn.distributed import fit_vocabulary, predict

# A cluster that comes and goes leaves sockets behind it for a while: Dask's matter, not ours.
pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs alarms, to limit waiting"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TEXTS, LABELS = make_reviews(200, n_filler=(0, 2), random_state=0)
HANGS = 600  # seconds, for what takes ten: no busy machine stretches it so far


@contextmanager
def within(seconds):
    """Raise an error in the block if it takes longer: Dask waits for lost workers for ever."""

    def too_late(*_):
        raise TimeoutError(f"the cluster did not answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def in_time():
    with within(HANGS):
        yield


@pytest.fixture(scope="module")
def client():
    """Two workers, processes of their own, with a scheduler in front of them."""
    with within(HANGS):
        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        )
        client = Client(cluster)
    yield client
    with within(HANGS):
        client.close()
        cluster.close()


# ---- Vocabulary ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_pieces", [1, 3, 40])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"min_df": 3, "max_df": 0.5}, {"min_df": 0.05, "max_features": 30}, {"max_len": None}],
)
def test_a_vocabulary_of_pieces_is_that_of_the_whole(parameters, n_pieces):
    texts = [*TEXTS, "", "rare", "!"]
    bag = dask.bag.from_sequence(texts, npartitions=n_pieces)
    with dask.config.set(scheduler="sync"):
        ours = fit_vocabulary(SequenceVectorizer(**parameters), bag)
    serial = SequenceVectorizer(**parameters).fit(texts)
    assert ours.vocabulary_ == serial.vocabulary_
    assert ours.n_tokens_ == serial.n_tokens_
    np.testing.assert_array_equal(ours.transform(texts).ids, serial.transform(texts).ids)


def test_tokens_in_pieces_are_counted_too():
    tokens = [["good", "Film"], ["good"], []] * 3
    with dask.config.set(scheduler="sync"):
        vectorizer = SequenceVectorizer(analyzer="tokens")
        fit_vocabulary(vectorizer, dask.bag.from_sequence(tokens, npartitions=4))
        assert vectorizer.vocabulary_ == {"good": 2, "Film": 3}
        with pytest.raises(TypeError, match=r"a sequence of tokens for .*, got str: 'good'"):
            fit_vocabulary(vectorizer, dask.bag.from_sequence(["good"]))


def test_a_vocabulary_is_counted_where_the_texts_are(client):
    bag = dask.bag.from_sequence(TEXTS, npartitions=5)
    ours = fit_vocabulary(SequenceVectorizer(), bag)
    assert ours.vocabulary_ == SequenceVectorizer().fit(TEXTS).vocabulary_


def test_what_is_no_bag_of_texts_is_refused():
    with pytest.raises(TypeError, match=r"expected a dask.bag.Bag of texts, got list. Make one"):
        fit_vocabulary(SequenceVectorizer(), TEXTS)
    with pytest.raises(ValueError, match="was given its vocabulary"):
        fit_vocabulary(SequenceVectorizer(vocabulary=["a"]), dask.bag.from_sequence(TEXTS))
    with dask.config.set(scheduler="sync"):
        with pytest.raises(TypeError, match="expected texts of type str, got int: 7"):
            fit_vocabulary(SequenceVectorizer(), dask.bag.from_sequence(["a", 7]))
        with pytest.raises(ValueError, match="at least one text"):
            fit_vocabulary(
                SequenceVectorizer(),
                dask.bag.from_sequence(TEXTS).filter(bool).take(0, compute=False),
            )


# ---- Predictions -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    pipeline = make_pipeline(SequenceVectorizer(max_len=40), RNNTextClassifier(**TWO_EPOCHS))
    return pipeline.fit(TEXTS, LABELS)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
def test_texts_in_pieces_get_the_answers_of_the_whole(client, model, method):
    expected = getattr(model, method)(TEXTS)
    bag = dask.bag.from_sequence(TEXTS, npartitions=7)
    np.testing.assert_array_equal(np.stack(predict(model, bag, method).compute()), expected)
    frame = pd.DataFrame({"text": TEXTS}, index=np.arange(len(TEXTS)) * 2)
    series = predict(model, dask.dataframe.from_pandas(frame, npartitions=3)["text"], method)
    answers = series.compute()
    np.testing.assert_array_equal(np.stack(answers.to_list()), expected)
    assert answers.index.tolist() == frame.index.tolist()


@pytest.fixture
def notes_loads(client, monkeypatch):
    """A class that this process and the workers know by the same name."""
    path = SCRIPTS / "notes_loads.py"
    spec = importlib.util.spec_from_file_location("notes_loads", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "notes_loads", module)
    spec.loader.exec_module(module)
    client.upload_file(str(path))
    return module.NotesLoads


def test_the_model_travels_once_to_each_worker(notes_loads, model, tmp_path):
    notes = tmp_path / "notes"
    noting = make_pipeline(*[step for _, step in model.steps[:-1]], notes_loads(notes), model[-1])
    bag = dask.bag.from_sequence(TEXTS, npartitions=20)
    assert predict(noting, bag).compute() == model.predict(TEXTS).tolist()
    # The scheduler, here in this process, looks into what it hands out.
    at_workers = [pid for pid in notes.read_text("ascii").split() if int(pid) != os.getpid()]
    assert 1 <= len(at_workers) == len(set(at_workers)) <= 2


def test_an_empty_piece_has_no_answers(model):
    bag = dask.bag.from_sequence(TEXTS, npartitions=4).filter(lambda text: text == TEXTS[0])
    assert predict(model, bag).compute(scheduler="sync") == [model.predict(TEXTS[:1])[0]]


def test_what_cannot_be_asked_is_refused(model):
    methods = r"one of \['decision_function', 'predict', 'predict_log_proba', 'predict_proba', 'tr"
    with pytest.raises(ValueError, match=methods):
        predict(model, dask.bag.from_sequence(TEXTS), "score")
    with pytest.raises(TypeError, match=r"expected a dask\.bag\.Bag or a dask Series"):
        predict(model, TEXTS)


def test_searching_texts_needs_no_dask_to_import():
    code = (
        "import sys; sys.modules['dask'] = sys.modules['dask.bag'] = None\n"
        "from sklearn_rnn import SequenceVectorizer, distributed\n"
        "try: distributed.fit_vocabulary(SequenceVectorizer(), [])\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "sklearn-rnn[dask]"' in done.stdout


@pytest.mark.parametrize(
    ("former", "name"), [("lasting", "resilient_dask_client"), ("stored", "ray_shared")]
)
def test_former_names_warn_and_name_the_new_ones(former, name):
    with pytest.warns(FutureWarning, match=f"{former} is now called {name}"):
        found = getattr(distributed, former)
    assert found is getattr(distributed, name)


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'lastly'"):
        distributed.lastly  # noqa: B018
