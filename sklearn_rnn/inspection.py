"""What a trained network read in a text, and how far back it remembers.

Attributions need captum: ``pip install "sklearn-rnn[inspection]"``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._attributions import METHODS, attribute_in_batches
from ._inputs import check_known
from ._jacobians import ENDS, norms_by_distance
from ._models import before_last, final_estimator, steps_of
from ._neighbours import nearest_words
from ._prediction import read_in_batches
from ._sources import words_and_vectors
from .modules import RecurrentNetwork
from .sequences import PADDING, UNKNOWN, TokenSequences
from .text import SequenceVectorizer

__all__ = [
    "MemoryProfile",
    "Spectrum",
    "TokenAttributions",
    "memory_profile",
    "most_similar",
    "recurrent_spectrum",
    "token_attributions",
]


@dataclass(frozen=True)
class TokenAttributions:
    """What each token of some texts adds to a logit.

    Parameters
    ----------
    tokens : list of list of str
        The tokens of each text that the network read.
    values : list of ndarray of float64 of shape (n_tokens,)
        What each token adds, for each text.
    targets : list
        The class whose logit it is, for each text; None for numbers.
    logits : ndarray of float64 of shape (n_texts,)
        The logits. Of numbers: the prediction, in standard deviations from the mean.
    baseline_logits : ndarray of float64 of shape (n_texts,)
        The logits of as many unknown tokens.
    method : str
        How the values were found.
    """

    tokens: list[list[str]]
    values: list[NDArray[np.float64]]
    targets: list[Any]
    logits: NDArray[np.float64]
    baseline_logits: NDArray[np.float64]
    method: str

    def __len__(self) -> int:
        return len(self.tokens)


def token_attributions(
    pipeline: Any,
    texts: Sequence[str],
    *,
    method: str = "integrated_gradients",
    target: Any = None,
    batch_size: int = 32,
    verbose: int = 0,
) -> TokenAttributions:
    """Share out a text's logit among its tokens.

    Both methods compare the text with one of as many unknown tokens. Integrated gradients add
    up: the values of a text sum to the difference of the two logits, within one percent (or
    within 0.001, where it is smaller than 0.1), or a warning says by how much they miss it. They
    follow the vectors of the recurrent layers; a linear model beside these is a sum already,
    of which a pair of words goes to its words in halves. Occlusion puts the unknown token in
    place of one token at a time, and says how far the logit falls.

    Parameters
    ----------
    pipeline : Pipeline
        A fitted pipeline of a `SequenceVectorizer` and a classifier or regressor of this
        library, or a search over such pipelines.
    texts : sequence of str
        The texts.
    method : {"integrated_gradients", "occlusion"}, default="integrated_gradients"
        How values are found. Occlusion reads each text as often as it has tokens.
    target : label, default=None
        The class whose logit is shared out. None: the second class of two, the predicted one
        of many. Of several labels at a time, or of a regressor of several numbers, the number
        of a column, which has to be given.
    batch_size : int, default=32
        Texts at a time.
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    TokenAttributions
        Tokens and values.

    Raises
    ------
    ImportError
        If captum is missing.
    TypeError
        If the pipeline does not begin with a `SequenceVectorizer`.
    ValueError
        If `method` or `target` is none of those that there are.

    References
    ----------
    M. Sundararajan, A. Taly and Q. Yan (2017), "Axiomatic Attribution for Deep Networks".

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
    >>> from sklearn_rnn.inspection import token_attributions
    >>> model = make_pipeline(SequenceVectorizer(), RNNTextClassifier(random_state=0))
    >>> model = model.fit(["so good", "bad", "good", "so bad"] * 20, ["+", "-"] * 40)
    >>> found = token_attributions(model, ["so bad"], target="-")
    >>> found.tokens[0][found.values[0].argmax()]
    'bad'
    """
    if method not in METHODS:
        raise ValueError(
            f"token_attributions: method must be one of {sorted(METHODS)}, got {method!r}."
        )
    if batch_size < 1:
        raise ValueError(f"token_attributions: batch_size must be at least 1, got {batch_size}.")
    # Read twice: documents that can be read only once, such as generators of tokens, are kept.
    texts = texts if isinstance(texts, str) else [_lasting(text) for text in texts]
    vectorizer, estimator, sequences = _read(pipeline, texts)
    inputs = check_known(estimator, sequences, estimator._plan)
    network, device = estimator.net_.module_, estimator.net_.device
    logits = _all_logits(estimator, inputs.values)
    columns, sign, targets = estimator._target.voice(logits, target)
    values = attribute_in_batches(
        network, METHODS[method], inputs.values, columns, device, batch_size, bool(verbose)
    )
    unknown = np.where(inputs.values == PADDING, PADDING, UNKNOWN)
    rows = np.arange(len(columns))
    return TokenAttributions(
        tokens=_tokens(vectorizer, texts, sequences),
        values=[sign * row for row in values],
        targets=targets,
        logits=sign * logits[rows, columns],
        baseline_logits=sign * _all_logits(estimator, unknown)[rows, columns],
        method=method,
    )


@dataclass(frozen=True)
class MemoryProfile:
    """How far the end of a reading hangs on what was read before.

    Parameters
    ----------
    distances : ndarray of int64 of shape (n_distances,)
        Steps between an input and the last one.
    norms : ndarray of float64 of shape (n_distances,)
        Mean norm of the gradient with respect to the input at each distance.
    n_texts : ndarray of int64 of shape (n_distances,)
        Texts that are long enough.
    of : str
        What the gradient is of.
    """

    distances: NDArray[np.int64]
    norms: NDArray[np.float64]
    n_texts: NDArray[np.int64]
    of: str


def memory_profile(
    estimator: Any, X: Any, *, of: str = "state", verbose: int = 0
) -> MemoryProfile:
    """Measure how much of each step is left at the end of a reading.

    The lecture's claim: the gradient of a simple RNN's hundredth state with respect to its
    first input is next to nothing, that of an LSTM is not. The norm is that of the whole
    Jacobian matrix (Frobenius), by automatic differentiation, exact.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier or regressor of this library, or a pipeline that ends with one.
    X : sequences or texts
        What the estimator, or the pipeline, predicts from.
    of : {"state", "logit"}, default="state"
        What the gradient is of: the state after the last token, of the last layer that reads
        forward, or the recurrent layers' logits. A backward pass for each number in it.
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    MemoryProfile
        Mean norms by distance from the end.

    Raises
    ------
    ValueError
        If `of` is none of the two.

    References
    ----------
    Y. Bengio, P. Simard and P. Frasconi (1994), "Learning Long-Term Dependencies with Gradient
    Descent is Difficult".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.inspection import memory_profile
    >>> X = np.random.default_rng(0).integers(2, 9, (20, 12))
    >>> model = RNNTextClassifier(hidden_size=4, max_epochs=1, random_state=0)
    >>> profile = memory_profile(model.fit(X, X[:, 0] > 4), X)
    >>> profile.distances[-1], profile.n_texts[-1]
    (np.int64(11), np.int64(20))
    """
    if of not in ENDS:
        raise ValueError(f"memory_profile: of must be one of {sorted(ENDS)}, got {of!r}.")
    final = final_estimator("memory_profile", estimator)
    values = check_known(final, before_last(estimator, X), final._plan).values
    network, device = final.net_.module_, final.net_.device
    norms, n_texts = norms_by_distance(network, ENDS[of], values, device, bool(verbose))
    return MemoryProfile(np.arange(len(norms)), norms, n_texts, of)


class Spectrum(NamedTuple):
    """The largest absolute eigenvalue of one square block of a recurrent matrix.

    Parameters
    ----------
    layer : int
        Number of the layer, from 0.
    direction : {"forward", "backward"}
        How it reads.
    gate : str
        What the block computes.
    radius : float
        The eigenvalue: repeated, the matrix shrinks what it is given if it is below 1, and
        stretches it above.
    """

    layer: int
    direction: str
    gate: str
    radius: float


def recurrent_spectrum(estimator: Any) -> list[Spectrum]:
    """Return the largest absolute eigenvalue of each recurrent matrix.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier or regressor of this library, or a pipeline that ends with one.

    Returns
    -------
    list of Spectrum
        One for each layer, direction and gate.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier
    >>> from sklearn_rnn.inspection import recurrent_spectrum
    >>> X = np.random.default_rng(0).integers(2, 9, (20, 12))
    >>> model = RNNTextClassifier(cell="rnn", bidirectional=False, random_state=0)
    >>> [(s.layer, s.direction, s.gate) for s in recurrent_spectrum(model.fit(X, X[:, 0] > 4))]
    [(0, 'forward', 'state')]
    """
    network = final_estimator("recurrent_spectrum", estimator).net_.module_
    return [
        Spectrum(place, direction, gate, float(np.abs(np.linalg.eigvals(block)).max()))
        for place, layer in enumerate(network.layers)
        for direction, cell in zip(("forward", "backward"), layer.directions, strict=False)
        for gate, block in _blocks(cell)
    ]


def most_similar(estimator: Any, word: str, topn: int = 10) -> list[tuple[str, float]]:
    """Return the words whose vectors point most nearly the same way as that of a word.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Whatever has vectors of words: a fitted embedding step, a classifier or regressor, or a
        pipeline, of which the last step with vectors is asked.
    word : str
        The word.
    topn : int, default=10
        How many words.

    Returns
    -------
    list of (str, float)
        Words and cosines, the nearest first.

    Raises
    ------
    KeyError
        If the word is not in the vocabulary.
    ValueError
        If the word has no vector.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNTextClassifier, TokenSequences
    >>> from sklearn_rnn.inspection import most_similar
    >>> words = ("<pad>", "<unk>", "good", "bad", "great")
    >>> table = np.array([[0, 0], [0, 0], [1, 2], [-1, 2], [1, 3]], np.float32)
    >>> X = TokenSequences(np.array([[2, 4], [3, 3]]), words, table)
    >>> model = RNNTextClassifier(freeze_embedding=True, random_state=0).fit(X, [1, 0])
    >>> [(word, round(cosine, 2)) for word, cosine in most_similar(model, "good")]
    [('great', 0.99), ('bad', 0.6)]
    """
    words, vectors, found = words_and_vectors("most_similar", estimator)
    return nearest_words("most_similar", words, vectors, word, topn, found)


# ---- Parts of a model ------------------------------------------------------------------------


def _read(pipeline: Any, texts: Sequence[str]) -> tuple[Any, Any, TokenSequences]:
    """Return a pipeline's vectorizer and final estimator, and the texts as sequences."""
    steps = steps_of(pipeline)
    if not isinstance(steps[0], SequenceVectorizer):
        raise TypeError(
            "token_attributions: expected a fitted pipeline that begins with a "
            f"SequenceVectorizer, got {type(steps[0]).__name__} at its begin."
        )
    return (
        steps[0],
        final_estimator("token_attributions", pipeline),
        before_last(pipeline, texts),
    )


def _lasting(document: Any) -> Any:
    return list(document) if isinstance(document, Iterator) else document


def _tokens(
    vectorizer: SequenceVectorizer, texts: Sequence[str], sequences: TokenSequences
) -> list[list[str]]:
    """Return the tokens that are read, each as the text has it."""
    analyze = vectorizer.build_analyzer()
    lengths = np.count_nonzero(sequences._stored != PADDING, axis=1)
    cut = [list(analyze(text)) for text in texts]
    if vectorizer.truncating == "pre":
        return [words[len(words) - n :] for words, n in zip(cut, lengths, strict=True)]
    return [words[:n] for words, n in zip(cut, lengths, strict=True)]


def _all_logits(estimator: Any, values: NDArray[Any]) -> NDArray[np.float64]:
    net = estimator.net_
    return read_in_batches(net.module_, RecurrentNetwork.forward, values, net.device).astype(
        np.float64
    )


def _blocks(cell: Any) -> list[tuple[str, NDArray[np.float32]]]:
    """Return the gates of a cell and their square blocks of its recurrent matrix."""
    matrix = cell.recurrent_weight.detach().cpu().numpy()
    return list(zip(cell.gates, np.split(matrix, len(cell.gates)), strict=True))
