"""Labels and numbers become targets, and logits become answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_rnn._data.targets import (
    BinaryTarget,
    MulticlassTarget,
    MultilabelTarget,
    NumericTarget,
)

TARGETS = {
    "two classes": BinaryTarget(np.array(["no", "yes"])),
    "three classes": MulticlassTarget(np.array([3, 5, 9])),
    "two labels": MultilabelTarget(2),
}
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("kind", TARGETS)
@given(data=st.data())
def test_any_logits_give_probabilities_logarithms_and_decisions_that_agree(kind, data):
    target = TARGETS[kind]
    logits = data.draw(arrays(np.float64, (4, target.n_outputs), elements=FLOAT32))
    probabilities, logarithms = target.probabilities(logits), target.log_probabilities(logits)
    scores, decided = target.decision_values(logits), target.predict(logits)
    assert np.isfinite(logarithms).all()
    assert (logarithms <= 0).all()
    np.testing.assert_allclose(np.exp(logarithms), probabilities, rtol=1e-9, atol=1e-300)
    if kind == "two labels":
        np.testing.assert_array_equal(decided, scores > 0)
        assert (probabilities[decided == 1] >= 0.5).all()
        return
    chosen = (scores > 0).astype(int) if kind == "two classes" else scores.argmax(axis=1)
    np.testing.assert_array_equal(decided, target.classes[chosen])
    # As close as two numbers can be, probabilities may be equal where logits are not.
    of_chosen = probabilities[np.arange(4), chosen]
    np.testing.assert_array_equal(of_chosen, probabilities.max(axis=1))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.integers(1, 29))
def test_mean_and_spread_of_a_stream_are_those_of_all_its_numbers(numbers, place):
    y = np.array(numbers)
    parts = [part for part in np.split(y, [place]) if len(part)]
    target = NumericTarget(parts[0])
    for part in parts[1:]:
        target = target.with_chunk(part)
    whole = NumericTarget(y)
    np.testing.assert_allclose(target.mean, whole.mean, atol=1e-6)
    np.testing.assert_allclose(target.spread, whole.spread, atol=1e-4)
