"""Names of types and functions that a model file may hold: none of them runs foreign code.

What is named in a file may be made, with whatever attributes the file says, and called by
what else is in it. So this list has what only stores its attributes, or computes numbers. It
leaves out, although estimators of scikit-learn have them:

- distributions of ``scipy.stats``, which execute a text among their attributes;
- trees and the like (``Tree``, ``KDTree``), which read memory where their attributes say;
- ``functools.partial``: with it, a file could call methods of estimators when it is opened.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType

__all__ = ["MADE_OTHERWISE", "trusted_names"]

_OURS = (
    "sklearn_rnn._tables.SharedTable",
    "sklearn_rnn.classifier.RNNTextClassifier",
    "sklearn_rnn.embeddings.FastTextEmbedding",
    "sklearn_rnn.embeddings.PretrainedEmbedding",
    "sklearn_rnn.embeddings.Word2VecEmbedding",
    "sklearn_rnn.regressor.RNNTextRegressor",
    "sklearn_rnn.sequences.TokenSequences",
    "sklearn_rnn.text.SequenceVectorizer",
)

MADE_OTHERWISE = {
    "builtins.frozenset": "ConstructorFromReduceNode",
    "numpy.dtype": "DTypeNode",
    "sklearn.utils._bunch.Bunch": "DictNode",
    "torch.device": "ConstructorFromReduceNode",
}
"""Types that are no plain objects with attributes, by the node of skops that makes them."""

# Estimators of scikit-learn are not here: skops trusts them by itself, but for experimental ones.
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
"""How the names of metrics end; the rest of `sklearn.metrics` makes scorers and pictures."""

_SCORES_OF_FEATURES = (
    "chi2",
    "f_classif",
    "f_regression",
    "mutual_info_classif",
    "mutual_info_regression",
    "r_regression",
)


@cache
def trusted_names() -> tuple[str, ...]:
    """Return all names that `persistence.load` trusts, beyond those that skops does.

    Returns
    -------
    tuple of str
        Full names of types and functions.
    """
    # Imported here: the package is imported without them, which takes a while.
    from sklearn import feature_selection, metrics, model_selection
    from sklearn.metrics import get_scorer, get_scorer_names

    scores = [vars(metrics)[name] for name in metrics.__all__ if name.endswith(_METRICS)]
    scores = [score for score in scores if score.__module__.startswith("sklearn.metrics._")]
    scores += [get_scorer(name)._score_func for name in get_scorer_names()]
    scores += [vars(feature_selection)[name] for name in _SCORES_OF_FEATURES]
    functions = [score for score in scores if isinstance(score, FunctionType)]
    splitters = [vars(model_selection)[name] for name in _SPLITTERS]
    found = {f"{named.__module__}.{named.__name__}" for named in (*functions, *splitters)}
    return tuple(sorted({*_OURS, *MADE_OTHERWISE, *_PARTS_OF_ESTIMATORS, *found}))
