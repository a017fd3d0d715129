"""The errors that this library raises on its own behalf.

Wrong arguments raise ``ValueError`` and ``TypeError``, as everywhere in scikit-learn. The tree
below is for what no argument can be blamed for::

    SklearnRNNError (Exception)
    └── DatasetError (OSError)      a data set is missing, damaged or out of reach

"""

__all__ = ["DatasetError", "SklearnRNNError"]


class SklearnRNNError(Exception):
    """Root of the errors that only this library raises."""


class DatasetError(SklearnRNNError, OSError):
    """A data set is missing, damaged or could not be downloaded.

    It is an `OSError` too, which is what scikit-learn's fetchers raise.
    """
