"""The errors that this library raises on its own behalf.

Wrong arguments raise ``ValueError`` and ``TypeError``, as everywhere in scikit-learn. The tree
below is for what no argument can be blamed for::

    SklearnRNNError (Exception)
    ├── DatasetError (OSError)          a data set is missing, damaged or out of reach
    └── VectorFileError (ValueError)    a file of word vectors is damaged, or of no known format

"""

__all__ = ["DatasetError", "SklearnRNNError", "VectorFileError"]


class SklearnRNNError(Exception):
    """Root of the errors that only this library raises."""


class DatasetError(SklearnRNNError, OSError):
    """A data set is missing, damaged or could not be downloaded.

    It is an `OSError` too, which is what scikit-learn's fetchers raise.
    """


class VectorFileError(SklearnRNNError, ValueError):
    """A file of word vectors is damaged, or of no format that this library reads.

    It is a `ValueError` too: the path was an argument.
    """
