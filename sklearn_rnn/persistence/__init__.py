"""Models in files that run no code when they are opened.

A pickle, which is what ``joblib.dump`` writes too, is a program: whoever opens one runs it.
The files of this module are `skops <https://skops.readthedocs.io>`_ archives: names of types
and parameters in JSON, arrays in NumPy's format. Opening one makes objects of the types that it
names, and only of types that are known to be harmless. Needs skops:
``pip install "sklearn-rnn[safe]"``.
"""

from ._save_load import load, save
from ._trusted_names import trusted_types

__all__ = ["load", "save", "trusted_types"]
