"""Without matplotlib, the way out is named."""

import sys

import numpy as np
import pytest

from sklearn_rnn.displays import HistoryDisplay, TokenAttributionDisplay


def test_without_matplotlib_the_way_out_is_named(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-rnn\[plot\]"'):
        HistoryDisplay.from_estimator(model)
    assert "<p" in TokenAttributionDisplay(["a"], np.ones(1))._repr_html_()
