"""Shades tell what a token adds, and keep letters legible."""

import re

import numpy as np
import pytest

from sklearn_rnn.displays import TokenAttributionDisplay
from sklearn_rnn.displays._shading import colour


def test_the_shade_of_a_token_says_what_it_adds():
    display = TokenAttributionDisplay(["a", "b", "c"], np.array([0.0, 2.0, -1.0]), "yes")
    page = display._repr_html_()
    grounds = re.findall(r'<bdi style="background:(#\w+)', page)
    assert grounds == [colour(0, 2), colour(2, 2), colour(-1, 2)]
    assert grounds[0] == "#ffffff"
    assert re.findall(r'title="([^"]+)"', page) == ["+0.000", "+2.000", "-1.000"]
    assert "against yes -2.00" in page
    assert "+2.00 for yes" in page


@pytest.mark.parametrize("value", np.linspace(-1, 1, 21))
def test_black_letters_are_legible_on_every_shade(value):
    """WCAG asks for a contrast of 4.5."""
    parts = np.array([int(colour(value, 1)[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (luminance + 0.05) / 0.05 >= 7
