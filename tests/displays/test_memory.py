"""Memories of several models share their axes."""

import numpy as np

from film_reviews import TEXTS
from sklearn_rnn.displays import MemoryDisplay
from sklearn_rnn.inspection import memory_profile


def test_several_memories_share_axes_on_a_scale_of_powers(model):
    profile = memory_profile(model, TEXTS[:9])
    first = MemoryDisplay.from_estimator(model, TEXTS[:9])
    second = MemoryDisplay.from_profiles({"again": profile}, ax=first.ax_)
    assert second.ax_ is first.ax_
    assert first.ax_.get_yscale() == "log"
    assert [text.get_text() for text in first.ax_.get_legend().get_texts()] == ["lstm", "again"]
    for line in first.ax_.get_lines():
        np.testing.assert_allclose(line.get_ydata(), profile.norms, rtol=1e-5)
        np.testing.assert_array_equal(line.get_xdata(), profile.distances)
