"""The default parts: word vectors, two linear models and one that they teach, a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..classifier import RNNTextClassifier
from ..embeddings import Word2VecEmbedding
from ..mean_embedding import MeanEmbedding
from ..nbsvm import NBSVMClassifier
from ._inputs import Inputs
from ._logits import Logits, centred_logits, logits_of, standardised

__all__ = ["default_embedding", "default_student", "linear_student", "two_views"]

Analyzer = Callable[[Any], list[str]]

_MOST_FOLDS = 5
_TEXTS_OF_A_PAIR = 15_000
"""A word or pair occurs in one of this number of texts: rarer ones would take the memory."""

_WEIGHT_DECAY = 1e-3
"""Keeps the weights of views finite, and equal, where each predicts all texts."""


def default_embedding(random_state: int, verbose: int = 0) -> Word2VecEmbedding:
    """Return the word vectors, not trained.

    A wide context, whose words predict the one in the middle together, makes words alike that
    occur in the same kind of text; a narrow one, those that could take each other's place, among
    them "good" and "bad".
    """
    return Word2VecEmbedding(
        sg=False, window=20, sample=1e-4, epochs=10, random_state=random_state, verbose=verbose
    )


def two_views(
    every: Inputs, known: NDArray[np.intp], codes: NDArray[np.int64], analyzer: Analyzer
) -> Logits:
    """Return the logits of two linear models, added up.

    One reads TF-IDF of words and pairs of words: it knows the words of the labelled texts. The
    other reads the mean of word vectors: it knows all others, by their vectors. Which of them to
    trust depends on how many labels there are. So each has a weight, with which the sum best
    predicts labelled texts that neither has been fitted to.

    Parameters
    ----------
    every : Inputs
        All texts.
    known : ndarray of int of shape (n_labelled,)
        Which of them have a label.
    codes : ndarray of int of shape (n_labelled,)
        Their classes, as indices.
    analyzer : callable
        From a text to its tokens.

    Returns
    -------
    ndarray of float64 of shape (n_texts, n_classes)
        The logits of all texts.
    """
    n_folds = min(_MOST_FOLDS, int(np.bincount(codes).min()))
    words = _tf_idf(every, known, analyzer)  # (N, number of words and pairs)
    means = MeanEmbedding().fit_transform(every.sequences)  # (N, D)
    views: list[tuple[Any, Any]] = [
        (LogisticRegression(C=10, max_iter=1_000), words),
        (_model_of_means(means[known], codes, n_folds), means),
    ]
    logits = [standardised(logits_of(model.fit(X[known], codes), X)) for model, X in views]
    weights = np.ones(len(views))
    if n_folds > 1:
        held_out = [_held_out_logits(model, X[known], codes, n_folds) for model, X in views]
        weights = _weights(np.stack(held_out), codes)
    return np.tensordot(weights, np.stack(logits), 1)


def _tf_idf(every: Inputs, known: NDArray[np.intp], analyzer: Analyzer) -> Any:
    """Return TF-IDF of the words and pairs of words that labelled texts have: sparse (N, F)."""
    vectorizer = TfidfVectorizer(**_of_tokens(analyzer), sublinear_tf=True)
    labelled = every.at(known).texts
    if not any(map(analyzer, labelled)):
        raise ValueError(
            f"TeacherStudentClassifier: none of the {len(known)} labelled texts has a word. Label "
            "others, or pass a vectorizer whose tokens they have."
        )
    return vectorizer.fit(labelled).transform(every.texts)


def _model_of_means(
    means: NDArray[np.float32], codes: NDArray[np.int64], n_folds: int
) -> Pipeline:
    """Return a model whose regularization is chosen for the labelled texts' means (n, D)."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000))
    if n_folds > 1:
        grid = {"logisticregression__C": np.logspace(-4, 1, 11)}
        search = GridSearchCV(model, grid, cv=n_folds, scoring="neg_log_loss")
        model.set_params(**search.fit(means, codes).best_params_)
    return model


def _held_out_logits(model: Any, X: Any, codes: NDArray[np.int64], n_folds: int) -> Logits:
    """Return logits of labelled texts, each of a model that is fitted to others: (n, C)."""
    scores = cross_val_predict(model, X, codes, cv=n_folds, method="decision_function")
    return standardised(centred_logits(scores))


def _weights(logits: Logits, codes: NDArray[np.int64]) -> Logits:
    """Return the weight of each view, 1 in all: views (V, n, C), classes (n,) -> (V,).

    Those that give the labels the highest likelihood, together with an offset for each class.
    """
    n_views, n_texts, n_classes = logits.shape
    one_hot = np.eye(n_classes)[codes]

    def loss_and_gradient(parameters: Logits) -> tuple[float, Logits]:
        weights, offsets = np.split(parameters, [n_views])
        log_probabilities = log_softmax(np.tensordot(weights, logits, 1) + offsets, axis=1)
        errors = (np.exp(log_probabilities) - one_hot) / n_texts
        loss = -(one_hot * log_probabilities).sum() / n_texts + _WEIGHT_DECAY * (weights**2).sum()
        of_weights = np.tensordot(logits, errors, 2) + 2 * _WEIGHT_DECAY * weights
        return loss, np.concatenate([of_weights, errors.sum(axis=0)])

    start = np.concatenate([np.ones(n_views), np.zeros(n_classes)])
    bounds = [(0, None)] * n_views + [(None, None)] * n_classes
    weights = minimize(loss_and_gradient, start, jac=True, bounds=bounds).x[:n_views]
    total = weights.sum()
    equal = np.full(n_views, 1 / n_views)  # if neither predicts anything
    return weights / total if total > 0 else equal


def linear_student(
    texts: Any, labels: NDArray[Any], weights: NDArray[np.float64], analyzer: Analyzer
) -> Logits:
    """Return the logits of a linear model of words and pairs of words that is taught all texts.

    It sees words that no labelled text has beside those that some have, and is fitted in seconds:
    its labels are better than those of its teachers.

    Parameters
    ----------
    texts : sequence
        All texts.
    labels : ndarray of shape (n_texts,)
        Their labels, most of them from a teacher.
    weights : ndarray of float64 of shape (n_texts,)
        Their weights.
    analyzer : callable
        From a text to its tokens.

    Returns
    -------
    ndarray of float64 of shape (n_texts, n_classes)
        The logits. Which class they prefer does not matter, nor by how much.
    """
    words_and_pairs = CountVectorizer(
        **_of_tokens(analyzer),
        binary=True,
        dtype=np.float32,
        min_df=1 + len(texts) // _TEXTS_OF_A_PAIR,
    )
    counts = words_and_pairs.fit_transform(texts)
    # Strongly regularized, so as not to learn the teacher's mistakes by heart; less so where each
    # of several classes is told apart from all others, with fewer texts of its own.
    is_binary = len(np.unique(labels)) == 2
    model = NBSVMClassifier(C=0.01 if is_binary else 0.1)
    return logits_of(model.fit(counts, labels, sample_weight=weights), counts)


def default_student(random_state: int, verbose: int = 0) -> RNNTextClassifier:
    """Return the network that learns from a teacher, not fitted."""
    return RNNTextClassifier(
        term_weights="naive_bayes",
        label_smoothing=0.05,
        max_epochs=3,
        random_state=random_state,
        verbose=verbose,
    )


def _of_tokens(analyzer: Analyzer) -> dict[str, Any]:
    """Return the parameters of scikit-learn's vectorizers for an analyzer's words and pairs."""
    return {
        "tokenizer": analyzer,
        "preprocessor": _unchanged,
        "token_pattern": None,
        "lowercase": False,
        "ngram_range": (1, 2),
    }


def _unchanged(text: Any) -> Any:
    return text
