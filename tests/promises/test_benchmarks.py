"""The benchmarks measure what they say, as far as it can be told without the peers."""

import itertools
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from paths import PACKAGE_HOME, ROOT
from sklearn_rnn import SequenceVectorizer
from sklearn_rnn._data.batches import SequenceDataset
from sklearn_rnn._data.ngrams import learn_ngrams
from sklearn_rnn._network.linear import TfidfLinear
from sklearn_rnn._training.optimizers import TableOptimizer
from sklearn_rnn.datasets import make_reviews

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(scope="module")
def laid_down(tmp_path_factory):
    """Reviews as the contenders find them."""
    folder = tmp_path_factory.mktemp("reviews")
    texts, labels = make_reviews(96, random_state=0)
    sequences = SequenceVectorizer(max_features=10_000, max_len=500).fit_transform(texts)
    np.save(folder / "ids.npy", sequences.ids)
    np.save(folder / "labels.npy", (np.array(labels) == "positive").astype(np.int64))
    (folder / "texts.json").write_text(json.dumps(list(texts)), "utf-8")
    return folder


def run(code, check=True):
    environment = {**os.environ, "PYTHONPATH": f"{PACKAGE_HOME}{os.pathsep}{BENCHMARKS}"}
    return subprocess.run(
        [sys.executable, "-c", f"import json\nfrom pathlib import Path\n{code}"],
        env=environment,
        capture_output=True,
        text=True,
        check=check,
    )


def figures(kind, names, folder, model="LSTM 32"):
    call = f"contest({kind!r}, {names!r}, {model!r}, 96, Path({str(folder)!r}), 2)"
    code = (
        f"from contest import contest\nif __name__ == '__main__':\n    print(json.dumps({call}))"
    )
    return json.loads(run(code).stdout)


def test_contenders_of_an_epoch_take_turns_in_processes_of_their_own(laid_down):
    names = ["ours", "skorch", "torch, padded", "torch, packed", "the bare module, one thread"]
    medians = figures("epoch", names, laid_down)
    assert list(medians) == names
    assert all(seconds > 0 for (seconds,) in medians.values())


@pytest.mark.parametrize("kind", ["predict", "texts"])
def test_other_work_is_timed_too(kind, laid_down):
    assert figures(kind, ["ours"], laid_down)["ours"][0] > 0


def test_workers_of_a_contender_end_with_it(laid_down):
    assert figures("texts", ["ours, n_jobs=2"], laid_down)["ours, n_jobs=2"][0] > 0


def test_one_text_has_a_median_and_a_slowest_percentile(laid_down):
    median, slowest = figures("one text", ["ours"], laid_down)["ours"]
    assert 0 < median <= slowest


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_memory_is_what_the_work_took_and_not_what_came_before():
    code = """
from own_figures import peak_megabytes
before = b'.' * 300_000_000
del before
print(peak_megabytes(lambda: b'.' * 50_000_000)[0])
"""
    assert 45 < float(run(code).stdout) < 60


def test_growth_that_is_linear_has_the_exponent_one():
    code = """
import alone, contenders
alone.ours = lambda model: None
alone.as_sequences = lambda part: None
alone._epoch = lambda estimator, sequences, labels: 0.5 * len(labels)
reviews = contenders.Reviews(*[list(range(256))] * 3)
print(json.dumps(alone.growth(alone.more_reviews(reviews), 3)))
"""
    assert json.loads(run(code).stdout) == pytest.approx({"2": 1, "4": 1, "8": 1})


@pytest.fixture(scope="module")
def scale():
    return SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "scale.py")))


@pytest.fixture
def known(scale):
    """Constants of a made-up machine."""
    seconds = dict.fromkeys(["count", "lay out", "prepare", "epoch", "predict"], 1e-6)
    laws = scale.Laws(scale.Heaps(40, 0.5), scale.Heaps(2, 0.8), scale.Heaps(0.5, 0.75))
    return scale.Constants(200, 150, 1_000, 70, 100, laws, seconds)


def test_heaps_law_is_found_where_it_holds(scale):
    n_tokens = np.geomspace(1e3, 1e6, 9)
    heaps, residuals = scale.fit_heaps(n_tokens, 30 * n_tokens**0.6)
    assert [*heaps] == pytest.approx([30, 0.6])
    np.testing.assert_allclose(residuals, 0, atol=1e-9)


def test_what_a_corpus_takes_follows_from_what_was_measured(scale, known):
    assert scale.cost(known, 1e6, n_workers=4) == pytest.approx(
        {
            "words": 40 * 2e8**0.5,
            "pairs counted": 2 * 1.5e8**0.8,
            "pairs": 0.5 * 1.5e8**0.75,
            "passes": 7,  # of 2**20 pairs each
            "bytes of pairs": 10 * 1.5e8**0.75,
            "bytes of texts": 1e9,
            "bytes of ids": 2e9,
            "bytes while counting": 8.08e8,
            "private bytes for words": 4_000 * 2e8**0.5,
            "private bytes for texts": 7e7,
            **dict.fromkeys(["count", "lay out"], 50),
            **dict.fromkeys(["epoch", "predict"], 37.5),
            "prepare": 7 * 150,
        }
    )


def test_pairs_are_counted_in_more_passes_only_where_they_outgrow_the_texts(scale):
    found = [scale.passes(*of) for of in ((10, 2**21), (10, 2**21 + 1), (1e8, 5e7), (1e8, 6e8))]
    assert found == [1, 3, 1, 24]


def test_pairs_grow_as_the_network_would_learn_them(scale):
    rng = np.random.default_rng(0)
    texts = [rng.integers(2, 9, rng.integers(6)) for _ in range(60)]
    texts[7] = texts[3]
    n_pairs, n_shared = scale.growth_of_pairs(texts)
    values = np.array([np.pad(text, (0, 6 - len(text))) for text in texts])
    for n_texts in (1, 5, 8, 20, 60):
        different = {pair for text in texts[:n_texts] for pair in itertools.pairwise(text)}
        learned = learn_ngrams(SequenceDataset(values[:n_texts]), 9, "pairs").pairs
        assert (n_pairs[n_texts - 1], n_shared[n_texts - 1]) == (len(different), len(learned))


def test_a_pair_takes_what_a_network_and_its_optimizer_keep_of_it(scale):
    linear = TfidfLinear(n_ids=0, n_pairs=1, n_outputs=1)
    kept = [*linear.state_dict().values(), *TableOptimizer([linear.weight], [1]).sums]
    assert sum(tensor.nbytes for tensor in kept) == scale.PAIR_BYTES


def test_a_search_takes_as_many_rounds_as_its_fits_fill_workers(scale, known):
    seconds = [scale.search_seconds(known, 1_000, n, 2, 4) for n in (1, 2, 3, 8)]
    assert [one / seconds[0] for one in seconds] == pytest.approx([1, 1, 2, 4])


def test_a_contender_that_fails_ends_the_contest(laid_down):
    call = f"contest('epoch', ['nobody'], 'LSTM 32', 8, Path({str(laid_down)!r}), 1)"
    ended = run(f"from contest import contest\n{call}", check=False)
    assert ended.returncode != 0
    assert "'nobody' has ended" in ended.stderr


def test_a_line_says_whether_its_target_is_reached():
    code = """
from run import Line
print(Line("epoch", "peer", 9.0, 3.0, "ms", 4.0))
print(Line("epoch", "peer", 12.0, 3.0, "ms", 4.0))
"""
    missed, reached = run(code).stdout.splitlines()
    assert missed == "| epoch | peer | 9 ms | 3 ms | 3.00 | 4.00 | no |"
    assert reached == "| epoch | peer | 12 ms | 3 ms | 4.00 | 4.00 | yes |"
