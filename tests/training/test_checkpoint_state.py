"""What a checkpoint keeps of optimizers and callbacks, and what was altered in it."""

import json
import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints import DiskError, assert_same, interrupted
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._training.optimizers import OPTIMIZERS
from sklearn_rnn.exceptions import CheckpointError, DivergenceError
from small_models import FIVE_EPOCHS

# ---- Optimizers ------------------------------------------------------------------------------


def test_the_state_of_another_rule_than_the_optimizers_is_refused(
    task, tmp_path, breaks_after, monkeypatch
):
    """torch itself goes on with another optimizer's constants, if the numbers of weights agree."""
    model = RNNTextClassifier(**FIVE_EPOCHS, optimizer="rmsprop", checkpoint_dir=tmp_path)
    breaks_after(2)
    with pytest.raises(DiskError):
        model.fit(*task)
    breaks_after(None)
    monkeypatch.setitem(OPTIMIZERS, "rmsprop", torch.optim.RMSprop)
    with pytest.raises(CheckpointError, match=r"its optimizer has no alpha, .* Delete it"):
        model.fit(*task)


class WeightSchedule(torch.optim.SGD):
    """An optimizer that counts its steps where torch keeps rates."""

    def step(self, closure=None):
        for group in self.param_groups:
            group["lr"] = 0.1 / group.setdefault("count", 1)
            group["count"] += 1
        return super().step(closure)


def test_what_an_optimizer_keeps_beside_tensors_goes_on_too(task, tmp_path, breaks_after):
    X, y = task
    settings = FIVE_EPOCHS | {"optimizer": WeightSchedule, "lr_schedule": "constant"}
    model = RNNTextClassifier(**settings, checkpoint_dir=tmp_path)
    whole = RNNTextClassifier(**settings).fit(X, y)
    assert_same(interrupted(model, X, y, breaks_after), whole, X)


# ---- Altered ---------------------------------------------------------------------------------


@pytest.fixture
def half_way(task, tmp_path, breaks_after):
    """A model whose fit was interrupted, and its checkpoint's arrays and record."""
    model = RNNTextClassifier(
        **FIVE_EPOCHS, early_stopping=True, checkpoint_dir=tmp_path / "folder"
    )
    breaks_after(2)
    with pytest.raises(DiskError):
        model.fit(*task)
    breaks_after(None)
    arrays = dict(np.load(tmp_path / "folder" / "checkpoint.npz"))
    return model, arrays, json.loads(arrays.pop("record").tobytes())


def write(model, arrays, record):
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(model.checkpoint_dir / "checkpoint.npz", record=text, **arrays)


ALTERED = {
    "of another shape": lambda array: np.zeros((1, *array.shape, 2), array.dtype),
    "shorter": lambda array: array.ravel()[1:],
    "of another dtype": lambda array: array.astype(np.complex64),
    "of no number": lambda array: np.zeros(array.shape, "U1"),
    "of other bytes": lambda array: array.astype(array.dtype.newbyteorder()),
    "not finite": lambda array: np.full(array.shape, np.inf, array.dtype),
    "missing": None,
}


def test_an_array_of_another_shape_dtype_or_name_is_refused(task, half_way):
    model, arrays, record = half_way
    assert {name.partition("/")[0] for name in arrays} == {
        *("weights", "tables", "optimizer", "best", "masks")
    }
    # All kinds of alteration to some arrays of each kind: names that begin and end alike are.
    chosen = {name.partition("/")[0] + name.rpartition("/")[2]: name for name in arrays}.values()
    for name in chosen:
        for kind, alter in ALTERED.items():
            array = arrays[name]
            if array.dtype.kind != "f" and kind in ("not finite", "of other bytes"):
                continue
            others = {n: other for n, other in arrays.items() if n != name}
            if alter is not None:
                others[name] = alter(array)
            write(model, others, record)
            with pytest.raises(CheckpointError, match="does not contain what it should"):
                model.fit(*task)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize(
    "name", ["weights/other", "tables/7", "best/other", "optimizer/0/other", "optimizer/99/step"]
)
def test_an_array_that_nobody_asked_for_is_refused(task, half_way, name):
    model, arrays, record = half_way
    write(model, {**arrays, name: np.ones(3, np.float32)}, record)
    with pytest.raises(CheckpointError, match="does not contain what it should"):
        model.fit(*task)


OTHERS = [None, -1, 10**30, 1e300, "", "x", [], {}, [0] * 1000, {"a": {"b": 0}}, {"0": {}}, True]


def places_in(value, path=()):
    """Yield the way to each value within JSON."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_in(item, (*path, key))


def test_a_record_with_anything_else_in_it_is_refused_or_goes_on(task, half_way):
    model, arrays, record = half_way
    places = [place for place in places_in(record) if place and place[0] != "identity"]
    places += [("identity",), *[("identity", key) for key in record["identity"]]]

    @settings(max_examples=60)
    @given(st.sampled_from(places), st.sampled_from(OTHERS))
    def check(place, other):
        altered = json.loads(json.dumps(record))
        parent = altered
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = other
        write(model, arrays, altered)
        with suppress(CheckpointError, DivergenceError), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "lr_scheduler.step")
            model.fit(*task)

    check()


def test_figures_of_batches_that_earlier_versions_wrote_are_passed_over(task, half_way):
    model, arrays, record = half_way
    whole = RNNTextClassifier(**FIVE_EPOCHS, early_stopping=True).fit(*task)
    figures = {"train_loss": 0.5, "train_batch_size": 32}
    record["history"][-1]["batches"] = [figures] * 300_000  # of ten million texts
    write(model, arrays, record)
    assert (model.checkpoint_dir / "checkpoint.npz").stat().st_size > 10**7
    assert_same(model.fit(*task), whole, task[0])
