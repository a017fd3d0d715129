"""Texts by id, and weights of theirs."""

import numpy as np
import pytest

from weighted_texts import WORDS


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(2, len(WORDS), (54, 5))


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(1).integers(1, 4, 54)
