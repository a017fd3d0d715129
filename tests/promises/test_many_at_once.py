"""One fitted model answers many callers at a time, and holds no memory back."""

import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pytest
from scipy.stats import theilslopes
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, persistence
from sklearn_rnn.datasets import make_reviews

N_CYCLES = int(os.environ.get("SOAK_CYCLES", 90))  # `make soak` asks for more
TEXTS, LABELS = make_reviews(120, random_state=0)


@pytest.fixture(scope="module")
def model():
    classifier = RNNTextClassifier(hidden_size=8, embedding_dim=8, max_epochs=2, random_state=0)
    return make_pipeline(SequenceVectorizer(max_len=40), classifier).fit(TEXTS, LABELS)


def answers(model):
    return [model.predict(TEXTS), model.predict_proba(TEXTS), model.transform(TEXTS)]


def assert_all_equal(found, expected):
    for answer in found:
        for ours, theirs in zip(answer, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_eight_threads_get_the_answers_of_one(model):
    expected = answers(model)
    state = joblib.hash(vars(model[-1])["_config"]), dict(vars(model[-1]))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: answers(model), range(64)))
    assert_all_equal(found, expected)
    assert dict(vars(model[-1])) == state[1]  # nothing was written
    assert joblib.hash(model[-1]._config) == state[0]


def test_threads_may_predict_while_another_model_learns(model):
    expected = answers(model)
    with ThreadPoolExecutor(4) as threads:
        learning = threads.submit(clone(model).fit, TEXTS, LABELS)
        found = list(threads.map(lambda _: answers(model), range(12)))
    assert_all_equal([*found, answers(learning.result())], expected)


def test_four_processes_get_the_answers_of_one(model):
    calls = [model.predict, model.predict_proba, model.transform] * 4
    found = joblib.Parallel(n_jobs=4)(joblib.delayed(call)(TEXTS) for call in calls)
    assert_all_equal([found[i : i + 3] for i in range(0, 12, 3)], answers(model))


def resident():
    """Return the memory that this process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.skipif(find_spec("skops") is None, reason="needs skops")
def test_fitting_predicting_saving_and_loading_hold_no_memory_back(tmp_path):
    classifier = RNNTextClassifier(hidden_size=4, embedding_dim=4, max_epochs=1, random_state=0)
    fresh = make_pipeline(SequenceVectorizer(max_len=20), classifier)
    held = []
    texts, labels = TEXTS[:40], LABELS[:40]
    for _ in range(N_CYCLES):
        model = clone(fresh).fit(texts, labels)
        joblib.dump(model, tmp_path / "model.joblib")
        joblib.load(tmp_path / "model.joblib").predict(texts)
        persistence.save(model, tmp_path / "model.skops")
        persistence.load(tmp_path / "model.skops").predict(texts)
        gc.collect()
        held.append(resident())
    settled = held[N_CYCLES // 3 :]  # kernels and caches are made once
    # Over so few cycles a single page more would tilt the line: the median slope does not see it.
    line = np.polyfit if N_CYCLES > 1_000 else lambda y, x, _: theilslopes(x, y)
    slope = line(np.arange(len(settled)), settled, 1)[0]
    print(f"{N_CYCLES} cycles: {100 * slope:.2f} MB per 100, {held[-1]:.0f} MB held")
    assert 100 * slope < 1
