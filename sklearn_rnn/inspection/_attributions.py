"""What each token of a text adds to a logit, from a fitted pipeline and its texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base import BaseRecurrentEstimator, final_estimator
from .._network.inference import read_in_batches
from .._network.network import RecurrentNetwork
from .._utils.pipelines import pipeline_steps, transform_until_last
from ..sequences import PADDING, UNKNOWN, TokenSequences
from ..text import SequenceVectorizer
from ._integrated_gradients import METHODS, attribute_in_batches

__all__ = ["TokenAttributions", "token_attributions"]


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
        The class whose logit it is, for each text; None for a regressor.
    logits : ndarray of float64 of shape (n_texts,)
        The logits. Of a regressor: the prediction, in standard deviations from the mean.
    baseline_logits : ndarray of float64 of shape (n_texts,)
        The logits of as many unknown tokens.
    method : str
        The method that computed the values.
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
    """Attribute a text's logit to its tokens.

    Both methods compare the text with one of as many unknown tokens. Integrated gradients add
    up: the values of a text sum to the difference of the two logits, within one percent (or
    within 0.001 if it is smaller than 0.1), or a warning says by how much they miss it. They
    are taken along the vectors that the recurrent layers read; the linear model beside these is
    a sum already, in which each word of a pair gets half of the pair's value. Occlusion replaces
    one token at a time with the unknown token, and measures how far the logit falls.

    Parameters
    ----------
    pipeline : Pipeline
        A fitted pipeline of a `SequenceVectorizer` and a classifier or regressor of this
        library, or a search over such pipelines.
    texts : sequence of str
        The texts.
    method : {"integrated_gradients", "occlusion"}, default="integrated_gradients"
        The method. Occlusion reads each text once for each of its tokens.
    target : label, default=None
        The class whose logit is attributed. None: the second of two classes, or the predicted
        one of more. For several labels at a time, or several numbers, it is the index of a
        column, and required.
    batch_size : int, default=32
        Number of texts at a time.
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
        If there is no such `method` or `target`.

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
    # Texts are read twice, so documents that can be read only once become lists.
    texts = texts if isinstance(texts, str) else [_to_list(text) for text in texts]
    vectorizer, estimator, sequences = _vectorized(pipeline, texts)
    inputs = estimator._check_known(sequences)
    network, device = estimator._network, estimator._device
    unknown = np.where(inputs.values == PADDING, PADDING, UNKNOWN)
    logits, baseline_logits = (
        read_in_batches(network, RecurrentNetwork.forward, ids, device, answer=np.asarray)
        for ids in (inputs.values, unknown)
    )
    columns, sign, targets = estimator._target.select_logits(logits, target)
    values = attribute_in_batches(
        network, METHODS[method], inputs.values, columns, device, batch_size, bool(verbose)
    )
    rows = np.arange(len(columns))
    return TokenAttributions(
        tokens=_tokens_read(vectorizer, texts, sequences),
        values=[sign * row for row in values],
        targets=targets,
        logits=sign * logits[rows, columns],
        baseline_logits=sign * baseline_logits[rows, columns],
        method=method,
    )


def _vectorized(
    pipeline: Any, texts: Sequence[str]
) -> tuple[SequenceVectorizer, BaseRecurrentEstimator, TokenSequences]:
    """Return a pipeline's vectorizer and final estimator, and the texts as sequences."""
    steps = pipeline_steps(pipeline)
    if not isinstance(steps[0], SequenceVectorizer):
        raise TypeError(
            "token_attributions: expected a fitted pipeline that begins with a "
            f"SequenceVectorizer, got {type(steps[0]).__name__} at its start."
        )
    return (
        steps[0],
        final_estimator("token_attributions", pipeline),
        transform_until_last(pipeline, texts),
    )


def _to_list(document: Any) -> Any:
    return list(document) if isinstance(document, Iterator) else document


def _tokens_read(
    vectorizer: SequenceVectorizer, texts: Sequence[str], sequences: TokenSequences
) -> list[list[str]]:
    """Return the tokens that the network reads, spelled as the analyzer returns them."""
    analyze = vectorizer.build_analyzer()
    lengths = np.count_nonzero(sequences._stored != PADDING, axis=1)
    all_tokens = [list(analyze(text)) for text in texts]
    if vectorizer.truncating == "pre":
        return [tokens[len(tokens) - n :] for tokens, n in zip(all_tokens, lengths, strict=True)]
    return [tokens[:n] for tokens, n in zip(all_tokens, lengths, strict=True)]
