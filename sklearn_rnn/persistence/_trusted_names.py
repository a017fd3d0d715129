"""Names of types and functions that a model file may contain: none of them runs foreign code.

Opening a file makes objects of the types that it names, with whatever attributes it says, and
other objects in it may call them. So this list has types that only store their attributes, and
functions that compute numbers. It leaves out, although scikit-learn's estimators contain them:

- distributions of ``scipy.stats``, which execute a str among their attributes;
- trees and the like (``Tree``, ``KDTree``), whose attributes decide which memory they read;
- ``functools.partial``: with it, a file could call methods of estimators when it is opened.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType

__all__ = ["LOADER_OF", "trusted_names", "trusted_types"]

_OURS = (
    "sklearn_rnn._tables.SharedTable",
    "sklearn_rnn.classifier.RNNTextClassifier",
    "sklearn_rnn.embeddings.FastTextEmbedding",
    "sklearn_rnn.embeddings.PretrainedEmbedding",
    "sklearn_rnn.embeddings.Word2VecEmbedding",
    "sklearn_rnn.mean_embedding.MeanEmbedding",
    "sklearn_rnn.nbsvm.NBSVMClassifier",
    "sklearn_rnn.regressor.RNNTextRegressor",
    "sklearn_rnn.semi_supervised._splits.LabelledSplit",
    "sklearn_rnn.semi_supervised._teacher_student.TeacherStudentClassifier",
    "sklearn_rnn.sequences.TokenSequences",
    "sklearn_rnn.text.SequenceVectorizer",
)

LOADER_OF = {
    "builtins.frozenset": "ConstructorFromReduceNode",
    "numpy.dtype": "DTypeNode",
    "sklearn.utils._bunch.Bunch": "DictNode",
    "torch.device": "ConstructorFromReduceNode",
}
"""Types that are not plain objects with attributes, and the loader of skops that makes them."""

# scikit-learn's estimators are not listed: skops trusts them by default, except experimental ones.
_PARTS_OF_ESTIMATORS = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.impute._iterative.IterativeImputer",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    "sklearn.model_selection._split._CVIterableWrapper",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)

_SPLITTERS = (
    "GroupKFold",
    "GroupShuffleSplit",
    "KFold",
    "LeaveOneGroupOut",
    "LeaveOneOut",
    "LeavePGroupsOut",
    "LeavePOut",
    "PredefinedSplit",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "ShuffleSplit",
    "StratifiedGroupKFold",
    "StratifiedKFold",
    "StratifiedShuffleSplit",
    "TimeSeriesSplit",
)

_METRICS = ("_coefficient", "_corrcoef", "_deviance", "_error", "_loss", "_ratio", "_score")
"""Endings of the names of metrics; the rest of `sklearn.metrics` makes scorers and plots."""

_SCORES_OF_FEATURES = (
    "chi2",
    "f_classif",
    "f_regression",
    "mutual_info_classif",
    "mutual_info_regression",
    "r_regression",
)


def trusted_types() -> list[str]:
    """Return the names that `load` trusts by default, beyond those that skops does.

    Pass them to ``skops.io.load`` as ``trusted=`` where you call it directly: types of this
    library, and those that scikit-learn's searches, ensembles and calibrated classifiers consist
    of, such as splitters of cross-validations, scorers and their metrics.

    Returns
    -------
    list of str
        Full names of types and functions.

    Examples
    --------
    >>> from sklearn_rnn import persistence
    >>> "sklearn_rnn.text.SequenceVectorizer" in persistence.trusted_types()
    True
    """
    return list(trusted_names())


@cache
def trusted_names() -> tuple[str, ...]:
    """Return the names of `trusted_types`, computed once."""
    # Imported here, since that takes a while and `import sklearn_rnn` does without.
    from sklearn import feature_selection, metrics, model_selection
    from sklearn.metrics import get_scorer, get_scorer_names

    scores = [vars(metrics)[name] for name in metrics.__all__ if name.endswith(_METRICS)]
    scores = [score for score in scores if score.__module__.startswith("sklearn.metrics._")]
    scores += [get_scorer(name)._score_func for name in get_scorer_names()]
    scores += [vars(feature_selection)[name] for name in _SCORES_OF_FEATURES]
    functions = [score for score in scores if isinstance(score, FunctionType)]
    splitters = [vars(model_selection)[name] for name in _SPLITTERS]
    found = {f"{named.__module__}.{named.__name__}" for named in (*functions, *splitters)}
    return tuple(sorted({*_OURS, *LOADER_OF, *_PARTS_OF_ESTIMATORS, *found}))
