"""The device of an estimator is that of all processes."""

import sys

import pytest

from ranks import FITS
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn.distributed import data_parallel

pytest.importorskip("accelerate")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork servers and SIGKILL")


def test_a_device_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"device must be .auto. or .cpu., got 'gpu'"):
        data_parallel("gpu")


def test_an_estimator_trains_on_the_device_of_all_processes():
    X, y = FITS["sequences"]()
    with (
        data_parallel("cpu"),
        pytest.raises(ValueError, match=r"train together, 'cpu', got 'cuda"),
    ):
        RNNTextClassifier(device="cuda:1").fit(X, y)
