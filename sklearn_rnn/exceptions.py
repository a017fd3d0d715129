"""Errors of this library's own.

Wrong arguments raise ``ValueError`` and ``TypeError``, as everywhere in scikit-learn. The tree
below is for errors whose cause is not an argument::

    SklearnRNNError (Exception)
    ├── CheckpointError (ValueError)    a checkpoint has other data or parameters, or is damaged
    ├── DatasetError (OSError)          a data set is missing, damaged or cannot be downloaded
    ├── DivergenceError (ValueError)    a loss or gradient is no longer finite
    ├── LostProcessError (ConnectionError)    another process of a fit has ended
    ├── ModelFileError (ValueError)     a saved model is damaged, unsafe, or of a later version
    └── VectorFileError (ValueError)    a file of word vectors is damaged, or of an unknown format

"""

__all__ = [
    "CheckpointError",
    "DatasetError",
    "DivergenceError",
    "LostProcessError",
    "ModelFileError",
    "SklearnRNNError",
    "VectorFileError",
]


class SklearnRNNError(Exception):
    """Base class of this library's own errors."""


class CheckpointError(SklearnRNNError, ValueError):
    """A checkpoint was made with other data or parameters, or its file is damaged."""


class DatasetError(SklearnRNNError, OSError):
    """A data set is missing, damaged or could not be downloaded.

    It is an `OSError` too, which is what scikit-learn's fetchers raise.
    """


class DivergenceError(SklearnRNNError, ValueError):
    """The loss or a gradient became infinite or NaN in training.

    It is a `ValueError` too: the parameters, above all the learning rate, were arguments.
    """


class LostProcessError(SklearnRNNError, ConnectionError):
    """Of the processes that fit one model together, one has ended or is out of step."""


class ModelFileError(SklearnRNNError, ValueError):
    """A saved model is damaged, contains untrusted types, or is of a later version."""


class VectorFileError(SklearnRNNError, ValueError):
    """A file of word vectors is damaged, or of a format that this library does not read.

    It is a `ValueError` too: the path was an argument.
    """
