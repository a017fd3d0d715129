"""A student network that learns from the labels that a teacher gives to thousands of texts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from .._utils.saved_state import VersionedState
from .._utils.snapshots import commit_on_success, on_snapshot
from .._utils.validation import check_y_passed, seed_from
from ..text import SequenceVectorizer
from ._defaults import default_embedding, default_student, linear_student, two_views
from ._inputs import Inputs, check_takes_weights, fit_weighted, reads_sequences
from ._labels import assign_labels, labels_of
from ._logits import Logits, check_classes, logits_of, standardised

__all__ = ["TeacherStudentClassifier"]

Indices = NDArray[np.intp]


def _student_has(method: str) -> Callable[[Any], bool]:
    """Return a check whether the student, fitted or not, has a method."""

    def check(classifier: Any) -> bool:
        student = getattr(classifier, "student_", classifier.student)
        return student is None or hasattr(student, method)

    return check


class TeacherStudentClassifier(ClassifierMixin, VersionedState, BaseEstimator):
    """Classifier of texts that learns from texts without labels, too.

    1. Word vectors are learned from all texts.
    2. A teacher is fitted to the texts that have a label, and gives one to all others. Each class
       gets its share of them.
    3. A student is fitted to all texts. It reads thousands of texts, of which the teacher has seen
       the words of a few: so it ends up better than the teacher.

    The default teacher consists of three linear models. One reads TF-IDF of words and pairs of
    words, one the mean of word vectors; they are weighted by what they predict of labelled texts
    held out, and together label all texts for the third, an
    :class:`~sklearn_rnn.nbsvm.NBSVMClassifier`, whose labels the student gets.

    Parameters
    ----------
    teacher : classifier, default=None
        Fitted to the labelled texts. None: the three linear models.
    student : classifier, default=None
        Fitted to all texts, with sample weights. None: a
        :class:`~sklearn_rnn.classifier.RNNTextClassifier`, which starts from the word vectors and
        reads all texts three times.

        A teacher or student that is an `RNNTextClassifier` reads sequences of token ids with word
        vectors; any other one, such as a pipeline, reads the texts as they are.
    vectorizer : SequenceVectorizer, default=None
        Turns texts into token ids. None: the default `SequenceVectorizer`.
    embedding : embedding step or "passthrough", default=None
        Word vectors. None: 100 dimensions of word2vec (CBOW), learned in ten passes from contexts
        of up to 20 words each way. With ``"passthrough"`` there are none, and the default teacher
        cannot be used.
    class_prior : dict or array-like of shape (n_classes,), default=None
        Share of each class in the texts without a label, by label or in the order of `classes_`.
        None: its share in the labelled texts.
    labelled_weight : float, default=3.0
        Weight of a labelled text for the student, and for the last of the default teacher's
        models, which is fitted to all texts, too. A text that the teacher labelled weighs 1.
    n_rounds : int, default=1
        How often a student is fitted. From the second time on, the student before it and the
        teacher give the labels together.
    early_stopping : bool, default=False
        Hold out some labelled texts, end when a round's student is no better on them than the one
        before, and keep the best. With one round, this only gives `validation_scores_`. The texts
        held out are learned from as if they had no label.
    validation_fraction : float, default=0.1
        Share of the labelled texts that are held out.
    random_state : int, RandomState instance or None, default=None
        Random seed of the default embedding and student, and of the texts that are held out.
    verbose : int, default=0
        Say what is being fitted if above 0.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    student_ : classifier
        The fitted student, which makes all predictions.
    encoder_ : Pipeline or None
        The fitted vectorizer and embedding; None if no part reads sequences.
    class_prior_ : ndarray of float64 of shape (n_classes,)
        Shares of the classes in the texts without a label.
    validation_scores_ : list of float
        Accuracy of each round's student on the texts held out; empty without `early_stopping`.

    See Also
    --------
    sklearn_rnn.semi_supervised.LabelledSplit : Splits for searches and cross-validation.
    sklearn.semi_supervised.SelfTrainingClassifier : Labels the surest texts, round by round.

    Notes
    -----
    How labels are marked as missing: by -1 or NaN where labels are numbers, by an empty string or
    ``"-1"`` where they are strings, and in an array of objects by any of these, None or pandas'
    NA. So neither may be the name of a class.

    Vectors and labels come from the texts without labels, so these should be of the same kind as
    those that the model will read. Where classes differ much in size, or texts without labels come
    from elsewhere, state `class_prior`, and compare with the student alone on texts held out.

    References
    ----------
    Q. Xie, M.-T. Luong, E. Hovy and Q. V. Le (2020), "Self-Training With Noisy Student Improves
    ImageNet Classification". A. Blum and T. Mitchell (1998), "Combining Labeled and Unlabeled Data
    with Co-Training".

    Examples
    --------
    >>> from sklearn_rnn.semi_supervised import TeacherStudentClassifier
    >>> texts = ["good film", "bad film", "so good", "so bad", "good so", "bad so"] * 10
    >>> labels = ["+", "-"] * 5 + [""] * 50
    >>> model = TeacherStudentClassifier(random_state=0).fit(texts, labels)
    >>> model.predict(["good", "bad"])
    array(['+', '-'], dtype='<U1')
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "teacher": [HasMethods(["fit", "predict"]), None],
        "student": [HasMethods(["fit", "predict"]), None],
        "vectorizer": [HasMethods(["fit_transform", "transform"]), None],
        "embedding": [
            HasMethods(["fit_transform", "transform"]),
            StrOptions({"passthrough"}),
            None,
        ],
        "class_prior": ["array-like", dict, None],
        "labelled_weight": [Interval(Real, 0, None, closed="neither")],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        teacher: Any = None,
        student: Any = None,
        *,
        vectorizer: SequenceVectorizer | None = None,
        embedding: Any = None,
        class_prior: ArrayLike | None = None,
        labelled_weight: float = 3.0,
        n_rounds: int = 1,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.vectorizer = vectorizer
        self.embedding = embedding
        self.class_prior = class_prior
        self.labelled_weight = labelled_weight
        self.n_rounds = n_rounds
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Sequence[Any], y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit teacher and student.

        Parameters
        ----------
        X : sequence of str
            Texts, with and without a label. What the vectorizer and given pipelines read.
        y : array-like of shape (n_texts,)
            Their labels; see the notes for those that have none.
        sample_weight : array-like of shape (n_texts,), default=None
            Weights of the texts, for the student and the last of the default teacher's models.
            Those of weight 0 are left out everywhere.

        Returns
        -------
        TeacherStudentClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If no text has a label, or all have the same; if `class_prior` does not fit; or if
            teacher or student cannot be fitted. The classifier stays as it was.
        """
        check_y_passed(self, y)
        texts = X if hasattr(X, "__len__") else list(X)
        check_consistent_length(texts, y)
        mask, labels = labels_of(y, "TeacherStudentClassifier")
        weights = np.ones(len(mask))
        if sample_weight is not None:
            rows = np.zeros((len(mask), 1))
            weights = _check_sample_weight(sample_weight, rows, ensure_non_negative=True)
        if not weights.all():
            kept = weights > 0
            texts = _safe_indexing(texts, np.flatnonzero(kept))
            labels, mask, weights = labels[kept[mask]], mask[kept], weights[kept]
        _check_labels(labels)
        with commit_on_success(self) as fitted:
            fitted._learn(texts, np.flatnonzero(mask), labels, weights)
        return self

    def _learn(
        self, texts: Any, labelled: Indices, labels: NDArray[Any], weights: NDArray[np.float64]
    ) -> None:
        """Fit all parts; `labels` are those of the texts `labelled`."""
        random = np.random.RandomState(seed_from(self.random_state))
        student_seed, embedding_seed, split_seed = random.randint(2**31, size=3)
        student = self.student
        if student is None:
            student = default_student(student_seed, self.verbose)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self.class_prior_ = self._prior(codes)
        held_out, known = self._hold_out(codes, split_seed)
        weights = weights.copy()
        weights[labelled[known]] *= self.labelled_weight
        check_takes_weights(student, weights)
        inputs = self._encode(texts, student, embedding_seed)  # takes longest: checks come first
        teachers = self._teach(inputs, labelled[known], codes[known], weights)
        self.validation_scores_: list[float] = []
        logits = teachers
        for n in range(self.n_rounds):
            taught = self._label(logits, labelled[known], codes[known])
            self._say(f"round {n + 1}: the student learns from {len(taught):,} texts")
            new = fit_weighted(clone(student), inputs.read_by(student), taught, weights)
            check_classes("student", new, self.classes_)
            if len(held_out):
                predicted = new.predict(inputs.at(labelled[held_out]).read_by(student))
                best = max(self.validation_scores_, default=-1.0)
                self.validation_scores_.append(accuracy_score(labels[held_out], predicted))
                if self.validation_scores_[-1] <= best:
                    break
            self.student_ = new
            if n + 1 < self.n_rounds:
                of_student = logits_of(new, inputs.read_by(student))
                logits = standardised(teachers) + standardised(of_student)

    def _encode(self, texts: Any, student: Any, seed: int) -> Inputs:
        """Fit the encoder, if any part reads sequences; return what all parts read."""
        self.encoder_: Pipeline | None = None
        if self.teacher is not None and not any(map(reads_sequences, (self.teacher, student))):
            return Inputs(texts, None)
        vectorizer = SequenceVectorizer() if self.vectorizer is None else clone(self.vectorizer)
        embedding = self.embedding
        if embedding is None:
            embedding = default_embedding(seed, self.verbose)
        elif embedding == "passthrough" and self.teacher is None:
            raise ValueError(
                "TeacherStudentClassifier: the default teacher reads word vectors, got "
                'embedding="passthrough". Pass an embedding step, or a teacher.'
            )
        self._say(f"word vectors of {len(texts):,} texts")
        self.encoder_ = make_pipeline(vectorizer, clone(embedding, safe=False))
        return Inputs(texts, self.encoder_.fit_transform(texts))

    def _prior(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the shares of the classes in the texts without a label."""
        n_classes = len(self.classes_)
        if self.class_prior is None:
            return np.bincount(codes) / len(codes)
        prior = self._given_prior()
        if prior.shape != (n_classes,) or not (prior > 0).all() or abs(prior.sum() - 1) > 1e-6:
            raise ValueError(
                f"TeacherStudentClassifier: class_prior must have {n_classes} shares above 0, 1 "
                f"in all, in the order of the classes {self.classes_}, got {self.class_prior}."
            )
        return prior

    def _given_prior(self) -> NDArray[np.float64]:
        """Return `class_prior` in the order of the classes."""
        given: Any = self.class_prior
        if isinstance(given, Mapping) or hasattr(given, "to_dict"):  # a Series of pandas
            if set(given.keys()) != set(self.classes_.tolist()):
                raise ValueError(
                    f"TeacherStudentClassifier: class_prior has shares of {list(given.keys())}, "
                    f"expected those of the classes {self.classes_.tolist()}."
                )
            given = [given[label] for label in self.classes_.tolist()]
        return np.asarray(given, np.float64)

    def _hold_out(self, codes: NDArray[np.int64], seed: int) -> tuple[Indices, Indices]:
        """Return which of the labelled texts are held out, and which are not."""
        every = np.arange(len(codes))
        if not self.early_stopping:
            return every[:0], every
        try:
            known, held_out = train_test_split(
                every, test_size=self.validation_fraction, stratify=codes, random_state=seed
            )
        except ValueError as error:
            raise ValueError(
                f"TeacherStudentClassifier: {len(codes)} labelled texts are too few to hold out "
                f"validation_fraction={self.validation_fraction} of them ({error}) Pass "
                "early_stopping=False, or more labels."
            ) from error
        return held_out, known

    def _teach(
        self, every: Inputs, known: Indices, codes: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Logits:
        """Fit the teacher to the texts that have a label; return its logits of all: (N, C)."""
        self._say(f"the teacher learns from {len(known):,} texts")
        if self.teacher is not None:
            X = every.at(known).read_by(self.teacher)
            teacher = clone(self.teacher).fit(X, self.classes_[codes])
            check_classes("teacher", teacher, self.classes_)
            return logits_of(teacher, every.read_by(self.teacher))
        assert self.encoder_ is not None
        analyzer = self.encoder_[0].build_analyzer()
        logits = two_views(every, known, codes, analyzer)
        taught = self._label(logits, known, codes)
        return linear_student(every.texts, taught, weights, analyzer)

    def _label(
        self, logits: NDArray[np.float64], known: Indices, codes: NDArray[np.int64]
    ) -> NDArray[Any]:
        """Return the labels of all texts: their own, or those of the teacher."""
        is_taught = np.ones(len(logits), bool)
        is_taught[known] = False
        all_codes = np.empty(len(logits), np.int64)
        all_codes[known] = codes
        all_codes[is_taught] = assign_labels(logits[is_taught], self.class_prior_)
        return self.classes_[all_codes]

    def _say(self, what: str) -> None:
        if self.verbose > 0:
            print(f"TeacherStudentClassifier: {what}", file=sys.stderr, flush=True)

    @on_snapshot
    def predict(self, X: Sequence[Any]) -> NDArray[Any]:
        """Return the student's labels.

        Parameters
        ----------
        X : sequence of str
            Texts.

        Returns
        -------
        ndarray of shape (n_texts,)
            Their labels.
        """
        check_is_fitted(self)
        labels: NDArray[Any] = self.student_.predict(self._read(X))
        return labels

    @available_if(_student_has("predict_proba"))
    @on_snapshot
    def predict_proba(self, X: Sequence[Any]) -> NDArray[np.float64]:
        """Return the student's probabilities.

        Parameters
        ----------
        X : sequence of str
            Texts.

        Returns
        -------
        ndarray of float64 of shape (n_texts, n_classes)
            The probability of each class.
        """
        check_is_fitted(self)
        probabilities: NDArray[np.float64] = self.student_.predict_proba(self._read(X))
        return probabilities

    @available_if(_student_has("decision_function"))
    @on_snapshot
    def decision_function(self, X: Sequence[Any]) -> NDArray[np.float64]:
        """Return the student's logits.

        Parameters
        ----------
        X : sequence of str
            Texts.

        Returns
        -------
        ndarray of shape (n_texts,) or (n_texts, n_classes)
            The logits.
        """
        check_is_fitted(self)
        logits: NDArray[np.float64] = self.student_.decision_function(self._read(X))
        return logits

    def score(
        self, X: Sequence[Any], y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the accuracy on the texts that have a label.

        Parameters
        ----------
        X : sequence of str
            Texts.
        y : array-like of shape (n_texts,)
            Their labels; texts without one do not count.
        sample_weight : array-like of shape (n_texts,), default=None
            Weights of the texts.

        Returns
        -------
        float
            The accuracy.

        Raises
        ------
        ValueError
            If no text has a label.
        """
        texts = X if hasattr(X, "__len__") else list(X)
        check_consistent_length(texts, y, sample_weight)
        mask, labels = labels_of(y, "TeacherStudentClassifier")
        if not len(labels):
            raise ValueError("TeacherStudentClassifier: no text has a label to compare with.")
        texts = _safe_indexing(texts, np.flatnonzero(mask))
        weights = None if sample_weight is None else np.asarray(sample_weight)[mask]
        return float(accuracy_score(labels, self.predict(texts), sample_weight=weights))

    def _read(self, X: Sequence[Any]) -> Any:
        """Return the texts as the student reads them."""
        if not reads_sequences(self.student_):
            return X
        assert self.encoder_ is not None
        return self.encoder_.transform(X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "student_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _check_labels(labels: NDArray[Any]) -> None:
    """Raise if no classifier can learn from the labels of the labelled texts."""
    if len(labels) == 0:
        raise ValueError(
            "TeacherStudentClassifier: no text has a label. -1, NaN, None and empty strings mark "
            "texts without one."
        )
    check_classification_targets(labels)
    classes = np.unique(labels)
    if len(classes) == 1:
        raise ValueError(
            f"TeacherStudentClassifier: all labelled texts have the label {classes[0]!r}, "
            "expected at least two. If -1 is a label of yours, take another number: it marks "
            "texts without one."
        )
