"""The errors that this library raises on its own behalf.

Wrong arguments raise ``ValueError`` and ``TypeError``, as everywhere in scikit-learn. The tree
below is for what no argument can be blamed for::

    SklearnRNNError (Exception)
    ├── CheckpointError (ValueError)    a checkpoint is of other data or parameters, or damaged
    ├── DatasetError (OSError)          a data set is missing, damaged or out of reach
    ├── DivergenceError (ValueError)    a loss or gradient is no finite number any more
    ├── LostProcessError (ConnectionError)    another process of a fit is gone
    ├── ModelFileError (ValueError)     a saved model is damaged, unsafe, or of a later version
    └── VectorFileError (ValueError)    a file of word vectors is damaged, or of no known format

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
    """Root of the errors that only this library raises."""


class CheckpointError(SklearnRNNError, ValueError):
    """A checkpoint was made of other data or with other parameters, or its file is damaged."""


class DatasetError(SklearnRNNError, OSError):
    """A data set is missing, damaged or could not be downloaded.

    It is an `OSError` too, which is what scikit-learn's fetchers raise.
    """


class DivergenceError(SklearnRNNError, ValueError):
    """Training met a loss or a gradient that is no finite number.

    It is a `ValueError` too: the parameters, most of all the learning rate, were arguments.
    """


class LostProcessError(SklearnRNNError, ConnectionError):
    """Processes that fit one model together have lost one of them, or are out of step."""


class ModelFileError(SklearnRNNError, ValueError):
    """A saved model is damaged, holds what may not be trusted, or is of a later version."""


class VectorFileError(SklearnRNNError, ValueError):
    """A file of word vectors is damaged, or of no format that this library reads.

    It is a `ValueError` too: the path was an argument.
    """
