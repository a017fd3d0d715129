"""Models that were trained on reviews, and pictures in memory."""

import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def plt():
    mpl.use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.fixture
def model(stopped_early):
    return stopped_early
