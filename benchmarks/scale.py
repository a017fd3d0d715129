"""What a corpus of any size takes, in bytes and hours: a cost model, measured and checked.

    python benchmarks/scale.py --data FOLDER

FOLDER contains the IMDB reviews: 25,000 with labels, 50,000 without. The model assumes that

- time is proportional to tokens, with one constant for each piece of work, measured on one thread
  as processor time, on which other load has little effect (on a GPU as wall-clock time). A second
  measurement, on four times as many reviews, says how far off that is;
- words follow Heaps' law, V = K n**beta for n tokens, fitted in logarithms over prefixes of the
  reviews in random order, from a sixteenth to all of them. The law bends, so that shorter prefixes
  would mislead, and the last doubling is also fitted separately;
- so do pairs of neighbours, after truncation, and those that occur in two different texts: these
  are kept;
- all of "prepare" is repeated in each pass that counts pairs, and a pass keeps as few as it may;
- workers share work without loss, except that each prepares a fit by itself. So hours on several
  are a lower bound: messages, disks slower than the reading of texts, and training one network in
  several processes, which sends its gradients at each step, all add to them;
- texts are like these reviews: of longer ones the same share of tokens is left after truncation;
- a search fits the whole pipeline, vectorizer included, for each candidate and fold.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer, TokenSequences
from sklearn_rnn._data.ngram_keys import PAIR
from sklearn_rnn._data.ngrams import pairs_at_once
from sklearn_rnn.datasets import fetch_imdb

MAX_LEN = 500
EPOCHS = 10
PAIR_BYTES = (
    8 + 4 + 4 + 4
)  # its key and IDF, its weight for one output, its optimizer's sum; fits copy weights
WITHIN = 1.5  # the factor by which a prediction of seconds may be off
READ, TRAIN = ("count", "lay out"), ("prepare", "epoch", "predict")
COUNTED = ("words", "pairs counted", "pairs", "passes")
Ints = NDArray[np.int64]


class Heaps(NamedTuple):
    """V = k n**beta: different words, or pairs, in n tokens."""

    k: float
    beta: float

    def among(self, n_tokens: float) -> float:
        return self.k * n_tokens**self.beta


class Laws(NamedTuple):
    """The number of different words and pairs."""

    words: Heaps
    pairs: Heaps  # of neighbours; in tokens left after truncation, as for the next
    shared_pairs: Heaps  # that occur in two different texts


class Constants(NamedTuple):
    """What was measured; everything else follows from it."""

    tokens: float  # per text
    kept: float  # of these, after truncation to MAX_LEN
    text_bytes: float  # per text, in UTF-8
    private_bytes: float  # per text, while a classifier is fitted on a memory map
    word_bytes: float  # per word of a vocabulary, as a dict
    laws: Laws
    seconds: dict[str, float]  # per token, on one core, by piece of work


def cost(
    known: Constants, n_texts: float, tokens: float | None = None, n_workers: int = 1
) -> dict[str, float]:
    """Return the words, pairs, bytes and seconds that `n_texts` of `tokens` each take."""
    tokens = tokens or known.tokens
    kept = min(MAX_LEN, tokens * known.kept / known.tokens)
    words = known.laws.words.among(n_texts * tokens)
    different = known.laws.pairs.among(n_texts * kept)
    pairs = min(different, known.laws.shared_pairs.among(n_texts * kept))
    n_passes = passes(n_texts, different)
    share = n_texts / n_workers
    return {
        "words": words,
        "pairs counted": different,
        "pairs": pairs,  # that are kept
        "passes": n_passes,
        "bytes of pairs": pairs * PAIR_BYTES,  # in each process
        "bytes of texts": n_texts * known.text_bytes * tokens / known.tokens,
        "bytes of ids": n_texts * MAX_LEN * 4,
        "bytes while counting": n_texts * (tokens * 4 + 8),  # ids before they are written
        "private bytes for words": words * known.word_bytes,  # in each process
        "private bytes for texts": n_texts * known.private_bytes,  # in each process, too
        **{name: known.seconds[name] * share * tokens for name in READ},
        **{name: known.seconds[name] * share * kept for name in TRAIN},
        "prepare": known.seconds["prepare"] * n_passes * n_texts * kept,
    }


def passes(n_texts: float, n_pairs: float) -> int:
    """Return how often, at most, the texts are read to count their different pairs."""
    limit = pairs_at_once(int(n_texts))
    return 1 if n_pairs <= limit else math.ceil(n_pairs / (limit / 2))


def search_seconds(
    known: Constants, n_texts: float, candidates: int, folds: int, n_workers: int
) -> float:
    """Return the seconds of a search whose fits run on workers of one core each."""
    training = cost(known, n_texts * (folds - 1) / folds)
    tested = cost(known, n_texts / folds)
    fit = sum(training[name] for name in (*READ, "prepare")) + EPOCHS * training["epoch"]
    waves = math.ceil(candidates * folds / n_workers)
    return waves * (fit + tested["lay out"] + tested["predict"])


def fit_heaps(n_tokens: Ints, n_words: Ints) -> tuple[Heaps, NDArray[np.float64]]:
    """Return the least-squares fit in logarithms, and the relative residuals."""
    beta, log_k = np.polyfit(np.log(n_tokens), np.log(n_words), 1)
    heaps = Heaps(math.exp(log_k), float(beta))
    return heaps, n_words / heaps.among(n_tokens) - 1


def growth_of_pairs(texts: list[Ints]) -> tuple[Ints, Ints]:
    """Count the pairs in the first n texts, and those in two different ones: (N,), (N,)."""
    first_of_equal = {text.tobytes(): row for row, text in reversed([*enumerate(texts)])}
    rows = sorted(first_of_equal.values())
    pairs = [np.unique(texts[row][:-1] * PAIR + texts[row][1:]) for row in rows]
    keys, places = np.concatenate(pairs), np.repeat(rows, [*map(len, pairs)])
    growth = []
    for _ in range(2):
        _, first = np.unique(keys, return_index=True)  # the first text with a pair, then the next
        growth.append(np.bincount(places[first], minlength=len(texts)).cumsum())
        keys, places = np.delete(keys, first), np.delete(places, first)
    return growth[0], growth[1]


# ---- Measuring ------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the IMDB reviews")
    parser.add_argument("--reviews", type=int, default=2_000, help="reviews to take rates from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    reviews = fetch_imdb(options.data, subset=("train", "unsupervised"))
    known, at_end = describe([*reviews.train.data, *reviews.unsupervised.data])
    rows = np.random.default_rng(0).permutation(25_000)[: 4 * options.reviews]
    texts, labels = [reviews.train.data[i] for i in rows], reviews.train.target[rows]
    known = known._replace(seconds=check_seconds(known, texts, labels, options.reviews))
    if torch.cuda.is_available():
        _, per_token = [work(texts, labels, "cuda") for _ in range(2)][-1]  # the first warms up
        print(f"on a GPU: {1 / per_token['epoch']:,.0f} tokens a second in training")
    show(known, at_end)


def describe(texts: list[str]) -> tuple[Constants, Laws]:
    """Measure and print everything but seconds; return it, and the laws of the last doubling."""
    analyze = SequenceVectorizer().build_analyzer()
    vocabulary: dict[str, int] = {}
    laid_out = []
    lengths, n_words = np.empty((2, len(texts)), np.int64)
    for place, row in enumerate(np.random.default_rng(0).permutation(len(texts))):
        ids = [vocabulary.setdefault(token, len(vocabulary)) for token in analyze(texts[row])]
        laid_out.append(np.array(ids[-MAX_LEN:], np.int64))
        lengths[place], n_words[place] = len(ids), len(vocabulary)
    print(f"{len(texts):,} texts, {lengths.sum():,} tokens, {len(vocabulary):,} words")
    n_pairs, n_shared = growth_of_pairs(laid_out)
    n_kept = np.minimum(lengths, MAX_LEN)
    fitted = [
        check_heaps("words", lengths.cumsum(), n_words),
        check_heaps("pairs", n_kept.cumsum(), n_pairs),
        check_heaps("pairs in two texts", n_kept.cumsum(), n_shared),
    ]
    laws, at_end = (Laws(*each) for each in zip(*fitted, strict=True))
    parts = [vocabulary, *vocabulary, *vocabulary.values()]
    word_bytes = sum(map(sys.getsizeof, parts)) / len(vocabulary)
    text_bytes = sum(len(text.encode()) for text in texts) / len(texts)
    private = private_bytes_per_text()
    known = Constants(lengths.mean(), n_kept.mean(), text_bytes, private, word_bytes, laws, {})
    print(f"for each text: {known.tokens:.1f} tokens, {known.kept:.1f} after truncation; bytes:")
    print(f"  {known.text_bytes:,.0f} in UTF-8, {MAX_LEN * 4:,} as ids,", end=" ")
    print(f"{known.private_bytes:.0f} private ones while fitting on a memory map")
    print(f"for each word: {known.word_bytes:.0f} private bytes while counting")
    return known, at_end


def check_heaps(name: str, n_tokens: Ints, n_words: Ints) -> tuple[Heaps, Heaps]:
    """Fit Heaps' law to prefixes of the texts, and print how well it fits."""

    def fitted(start: int, stop: int, n_prefixes: int) -> tuple[Heaps, NDArray[np.float64]]:
        prefixes = np.geomspace(start, stop, n_prefixes).astype(int) - 1
        return fit_heaps(n_tokens[prefixes], n_words[prefixes])

    whole, half = len(n_tokens), len(n_tokens) // 2
    heaps, residuals = fitted(whole // 16, whole, 20)
    of_half, _ = fitted(half // 16, half, 20)
    at_end, _ = fitted(half, whole, 2)
    predicted, found = of_half.among(n_tokens[-1]), n_words[-1]
    print(f"Heaps' law of {name}: K = {heaps.k:.2f}, beta = {heaps.beta:.4f}; residuals in %:")
    print(f"  {' '.join(f'{100 * residual:+.1f}' for residual in residuals)}")
    print(f"  from {half:,} texts: {predicted:,.0f} of {found:,}, {predicted / found - 1:+.1%}")
    print(f"  the last doubling by itself: K = {at_end.k:.2f}, beta = {at_end.beta:.4f}")
    return heaps, at_end


def private_bytes_per_text() -> float:
    """Return the growth of a fit's peak memory per text, without the ids and y."""
    peaks = []
    for n_texts in (1_000, 20_000, 40_000):  # the first loads libraries
        ids = np.random.default_rng(0).integers(2, 100, (n_texts, 8))
        X, y = TokenSequences(ids, [*map(str, range(100))]), np.arange(n_texts) % 2
        model = RNNTextClassifier(hidden_size=2, embedding_dim=2, max_epochs=1, random_state=0)
        tracemalloc.start()
        model.fit(X, y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[2] - peaks[1]) / 20_000


def check_seconds(
    known: Constants, texts: list[str], labels: NDArray[Any], n_texts: int
) -> dict[str, float]:
    """Measure seconds per token twice; print how well the first figures predict the second."""
    work(texts[:200], labels[:200])  # loads libraries and compiles kernels
    _, per_token = work(texts[:n_texts], labels[:n_texts])
    n_more = 4 * n_texts
    seconds, per_token_of_more = work(texts[:n_more], labels[:n_more])
    predicted = cost(known._replace(seconds=per_token), n_more)
    print(f"on one core    tokens a second   s for {n_more:,} predicted from {n_texts:,}")
    for name, measured in seconds.items():
        off = max(predicted[name] / measured, measured / predicted[name])
        print(
            f"  {name:<10} {1 / per_token_of_more[name]:>17,.0f} {measured:>13.1f} "
            f"{predicted[name]:>9.1f}: {'within' if off <= WITHIN else 'NOT within'} {WITHIN}"
        )
    return per_token_of_more


def work(
    texts: list[str], labels: NDArray[Any], device: str = "cpu"
) -> tuple[dict[str, float], dict[str, float]]:
    """Do each piece of work once; return its seconds, and its seconds per token."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        vectorizer = SequenceVectorizer(max_len=MAX_LEN, memmap_dir=folder)
        model = RNNTextClassifier(max_epochs=2, random_state=0, device=device)
        seconds = {"count": timed(clock, vectorizer.fit, texts)[0]}
        seconds["lay out"], X = timed(clock, vectorizer.transform, texts)
        started = time.perf_counter()
        fit, _ = timed(clock, model.fit, X, labels)
        epochs = model.history_["dur"] / (time.perf_counter() - started)  # their share of the fit
        seconds["prepare"], seconds["epoch"] = fit * (1 - epochs.sum()), fit * epochs.mean()
        seconds["predict"], _ = timed(clock, model.predict, X)
        n_kept = np.count_nonzero(X.ids)
        del X  # and its file
    n_running = sum(map(len, map(vectorizer.build_analyzer(), texts)))
    n_tokens = dict.fromkeys(READ, n_running) | dict.fromkeys(TRAIN, n_kept)
    return seconds, {name: value / n_tokens[name] for name, value in seconds.items()}


def timed(clock: Any, function: Any, *arguments: Any) -> tuple[float, Any]:
    start = clock()
    result = function(*arguments)
    return clock() - start, result


def show(known: Constants, at_end: Laws) -> None:
    """Print what the model predicts for 100,000,000 texts, and for a search."""
    alone, shared = (cost(known, 1e8, n_workers=n) for n in (1, 64))
    bent = cost(known._replace(laws=at_end), 1e8)
    print("100,000,000 texts:")
    for name in COUNTED:
        print(f"  {name:<23} {alone[name]:,.0f}, by the last doubling {bent[name]:,.0f}")
    for name in [name for name in alone if name not in COUNTED]:
        unit, of_unit = (1e9, "GB") if "bytes" in name else (3600, "h")
        figures = f"{alone[name] / unit:9,.1f} {of_unit} on 1, {shared[name] / unit:9,.2f} on 64"
        print(f"  {name:<23} {figures}")
    hours = search_seconds(known, 25_000, 1_000, 5, 64) / 3600
    print(
        f"1,000 candidates x 5 folds on 25,000 texts, {EPOCHS} epochs each: {hours:,.1f} h on 64"
    )


if __name__ == "__main__":
    main()
