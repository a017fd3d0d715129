"""What a trained network reads in a text, and how far back it remembers.

Attributions need captum: ``pip install "sklearn-rnn[inspection]"``.
"""

from ._attributions import TokenAttributions, token_attributions
from ._memory import MemoryProfile, memory_profile
from ._similarity import most_similar
from ._spectrum import Spectrum, recurrent_spectrum

__all__ = [
    "MemoryProfile",
    "Spectrum",
    "TokenAttributions",
    "memory_profile",
    "most_similar",
    "recurrent_spectrum",
    "token_attributions",
]
