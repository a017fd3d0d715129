"""A fit that was killed goes on where it was, and ends as if nothing had happened."""

import json
import math
import runpy
import shutil
import signal
import sys
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from checkpoints import DiskError, assert_same, interrupted
from paths import SCRIPTS
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor, TokenSequences
from sklearn_rnn._training import checkpoint as _checkpoint
from sklearn_rnn._training import train
from sklearn_rnn._training.skorch_net import SequenceNet
from sklearn_rnn.exceptions import CheckpointError, DivergenceError
from small_models import FIVE_EPOCHS

N_KILLS = 20

needs_forks = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork servers")


# ---- Killed ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def processes(forks):
    """Start fits as processes."""
    script = str(SCRIPTS / "checkpointed_fit.py")

    def start(folder, dies_at=None):
        folder.mkdir(exist_ok=True)
        arguments = {"ARGUMENTS": (folder, dies_at)}
        process = forks.Process(target=runpy.run_path, args=(script, arguments))
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def whole(processes, tmp_path_factory):
    """The folder of a fit that nobody killed, and the calls of functions that it made."""
    folder = tmp_path_factory.mktemp("whole")
    process = processes(folder, math.inf)
    process.join()
    assert process.exitcode == 0
    return folder, int((folder / "n_calls").read_text("ascii"))


def contents(path):
    """Return a file's arrays, and a checkpoint's record without the seconds."""
    arrays = dict(np.load(path))
    if "record" in arrays:
        record = json.loads(arrays.pop("record").tobytes())
        for epoch in record["history"]:
            del epoch["dur"]

        arrays["record"] = np.array(json.dumps(record, sort_keys=True))
    return arrays


def assert_ends_like(folder, whole):
    for name in ("result.npz", "checkpoint.npz"):
        ours, theirs = contents(folder / name), contents(whole / name)
        assert ours.keys() == theirs.keys()
        for key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)


@needs_forks
def test_a_fit_killed_at_any_moment_ends_bit_by_bit_as_one_that_was_not(
    processes, whole, tmp_path
):
    """Moments are counted in calls of functions: a busy machine stretches seconds."""
    rng, (expected, n_calls) = np.random.default_rng(0), whole
    behind = []
    while len(behind) < N_KILLS:
        folder = tmp_path / str(len(behind) // 2)  # each fit is killed twice
        process = processes(folder, int(rng.integers(n_calls)))
        process.join()
        if process.exitcode == -signal.SIGKILL:
            behind.append(n_epochs_in(folder))
        else:  # so many calls were not left
            assert process.exitcode == 0
            assert_ends_like(folder, expected)
            shutil.rmtree(folder)
            behind = behind[: len(behind) // 2 * 2]
    assert len(set(behind)) > 4, behind  # killed in many an epoch
    for folder in tmp_path.iterdir():
        process = processes(folder)
        process.join()
        assert process.exitcode == 0
        assert_ends_like(folder, expected)


def n_epochs_in(folder):
    checkpoint = folder / "checkpoint.npz"
    if not checkpoint.exists():
        return 0
    return len(json.loads(np.load(checkpoint)["record"].tobytes())["history"])


@needs_forks
def test_the_fit_that_is_killed_keeps_an_epoch_that_is_not_its_last(whole):
    """Or else nobody would notice if the best weights so far were lost."""
    folder, _ = whole
    history = json.loads(np.load(folder / "checkpoint.npz")["record"].tobytes())["history"]
    assert 1 < int(np.argmin([epoch["valid_loss"] for epoch in history])) < 9


@needs_forks
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("n_calls", [1, 2, 7])
def test_a_kill_while_a_checkpoint_is_written_loses_one_epoch_at_most(
    processes, whole, tmp_path, call, n_calls
):
    process = processes(tmp_path, (call, n_calls))
    process.join()
    assert process.exitcode == -signal.SIGKILL
    # Each epoch settles the file and then its folder.
    assert n_epochs_in(tmp_path) == (n_calls - 1 if call == "replace" else n_calls // 2)
    process = processes(tmp_path)
    process.join()
    assert process.exitcode == 0
    assert_ends_like(tmp_path, whole[0])


# ---- Every kind of fit -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"early_stopping": True, "n_iter_no_change": 1},
        {"optimizer": "sgd", "table_lr": None},
        {"optimizer": "rmsprop", "lr_schedule": "constant"},
        {"cell": "gru", "num_layers": 2, "linear": "none"},
    ],
)
def test_a_fit_goes_on_as_if_it_had_not_stopped(task, tmp_path, breaks_after, changed):
    X, y = task
    settings = FIVE_EPOCHS | changed
    model = RNNTextClassifier(**settings, checkpoint_dir=tmp_path)
    assert_same(interrupted(model, X, y, breaks_after), RNNTextClassifier(**settings).fit(X, y), X)


def test_epochs_that_are_behind_are_not_trained_again(task, tmp_path, breaks_after, monkeypatch):
    trained, step = [], SequenceNet.train_step

    def noted(net, *args, **kwargs):
        trained.append(len(net.history))
        return step(net, *args, **kwargs)

    monkeypatch.setattr(SequenceNet, "train_step", noted)
    interrupted(RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path), *task, breaks_after)
    assert sorted(set(trained)) == [1, 2, 3, 4, 5]
    assert trained == sorted(trained)
    assert len(trained) == 5 * 3  # batches of 32 of 80 texts


class Spoil(Callback):
    """Make an epoch end in numbers that are none."""

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 4:
            with torch.no_grad():
                net.module_.head.weight.fill_(torch.nan)


def test_a_fit_that_diverges_after_going_on_keeps_what_was_sound(
    task, tmp_path, breaks_after, monkeypatch
):
    callbacks = train.training_callbacks
    monkeypatch.setattr(
        train, "training_callbacks", lambda *args, **kwargs: [*callbacks(*args, **kwargs), Spoil()]
    )
    model = RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path)
    for n_epochs in (3, None):
        breaks_after(n_epochs)
        with pytest.raises(DiskError if n_epochs else DivergenceError):
            model.fit(*task)
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict_proba(task[0])).all()


def test_a_regressor_goes_on_too(task, tmp_path, breaks_after):
    X, y = task
    model = RNNTextRegressor(**FIVE_EPOCHS, checkpoint_dir=tmp_path)
    whole = RNNTextRegressor(**FIVE_EPOCHS).fit(X, y * 7.0)
    assert_same(interrupted(model, X, y * 7.0, breaks_after), whole, X)


@pytest.mark.parametrize("n_epochs", [1, 3])
def test_an_embedding_thaws_when_it_would_have(task, tmp_path, breaks_after, n_epochs):
    X, y = task
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    X = TokenSequences(X, tuple(map(str, range(40))), vectors)
    settings = FIVE_EPOCHS | {"freeze_embedding": 2}
    model = RNNTextClassifier(**settings, checkpoint_dir=tmp_path)
    whole = RNNTextClassifier(**settings).fit(X, y)
    assert_same(interrupted(model, X, y, breaks_after, n_epochs), whole, X)


def test_a_warm_start_goes_on_from_its_own_beginning(task, tmp_path, breaks_after):
    X, y = task
    settings = FIVE_EPOCHS | {"warm_start": True}
    whole = RNNTextClassifier(**settings).fit(X, y).fit(X, y)
    model = RNNTextClassifier(**settings).fit(X, y).set_params(checkpoint_dir=tmp_path)
    assert_same(interrupted(model, X, y, breaks_after), whole, X)


def test_without_a_seed_the_first_ones_draw_is_kept(task, tmp_path, breaks_after, monkeypatch):
    X, y = task
    settings = FIVE_EPOCHS | {"random_state": None}
    model = interrupted(RNNTextClassifier(**settings, checkpoint_dir=tmp_path), X, y, breaks_after)
    monkeypatch.setattr(train, "seed_from", lambda _: model._seed)
    assert_same(model, RNNTextClassifier(**settings).fit(X, y), X)


def test_a_finished_fit_is_read_and_not_made_again(task, tmp_path, monkeypatch):
    X, y = task
    first = RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).fit(X, y)
    monkeypatch.setattr(_checkpoint.SaveCheckpoint, "on_epoch_end", None)  # nobody may call it
    assert_same(RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).fit(X, y), first, X)


def test_a_fit_without_checkpoints_ends_the_same(task, tmp_path):
    X, y = task
    model = RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=str(tmp_path / "new" / "folder")).fit(
        X, y
    )
    assert_same(model, RNNTextClassifier(**FIVE_EPOCHS).fit(X, y), X)


def test_chunks_keep_no_checkpoint(task, tmp_path):
    X, y = task
    RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).partial_fit(X, y, classes=[0, 1])
    assert not list(tmp_path.iterdir())


# ---- Refused ---------------------------------------------------------------------------------


def test_a_place_that_takes_no_checkpoint_is_found_before_the_first_epoch(task, tmp_path):
    (tmp_path / "checkpoint.npz").mkdir()
    with pytest.raises(OSError, match=r"checkpoint.npz' is a folder"):
        RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).fit(*task)


def test_what_a_killed_process_left_is_swept_away(task, tmp_path):
    part = tmp_path / ".checkpoint.npz.0a1b2c3d.part"
    part.write_bytes(b"half a file")
    RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).fit(*task)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.npz", ".lock"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_fit_on_a_gpu_goes_on_where_it_was(task, tmp_path, breaks_after):
    X, y = task
    settings = FIVE_EPOCHS | {"device": "cuda"}
    whole = RNNTextClassifier(**settings).fit(X, y)
    model = RNNTextClassifier(**settings, checkpoint_dir=tmp_path)
    model = interrupted(model, X, y, breaks_after)
    assert model.n_iter_ == whole.n_iter_
    # Sums on a GPU come in any order.
    np.testing.assert_allclose(model.transform(X), whole.transform(X), atol=1e-4)


@needs_forks
def test_one_fit_at_a_time_writes_into_a_folder(task, tmp_path):
    model = RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path)
    with (
        _checkpoint._locked("another", tmp_path),
        pytest.raises(CheckpointError, match="another fit"),
    ):
        model.fit(*task)
    model.fit(*task)
    RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).fit(*task)  # the first let go of it


# ---- The folder, while a fit runs ------------------------------------------------------------


class Disturbed(torch.optim.SGD):
    """An optimizer in one of whose steps something happens to the disk."""

    n_steps = 0
    happens = {}

    def step(self, closure=None):
        Disturbed.n_steps += 1
        self.happens.get(Disturbed.n_steps, bool)()
        return super().step(closure)


DISTURBED = FIVE_EPOCHS | {"optimizer": Disturbed}


@pytest.fixture
def happens(monkeypatch):
    """What happens in the so many-th step: three of them are an epoch."""
    monkeypatch.setattr(Disturbed, "n_steps", 0)
    monkeypatch.setattr(Disturbed, "happens", {})
    return Disturbed.happens


@pytest.mark.parametrize("step", [1, 5, 15])
def test_a_folder_that_was_deleted_is_made_again(task, tmp_path, happens, breaks_after, step):
    folder = tmp_path / "new" / "folder"
    whole = RNNTextClassifier(**DISTURBED).fit(*task)
    Disturbed.n_steps, happens[step] = 0, lambda: shutil.rmtree(folder.parent)
    model = RNNTextClassifier(**DISTURBED, checkpoint_dir=folder).fit(*task)
    assert_same(model, whole, task[0])
    assert n_epochs_in(folder) == 5
    with pytest.raises(CheckpointError, match="lr was"):  # it is this fit's
        RNNTextClassifier(**DISTURBED, lr=0.5, checkpoint_dir=folder).fit(*task)


@needs_forks
def test_a_folder_that_was_deleted_is_still_one_fits(task, tmp_path, happens):
    folder = tmp_path / "folder"
    refused = []

    def another_fit():
        try:
            RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=folder).fit(*task)
        except CheckpointError as error:
            refused.append(str(error))

    happens |= {2: lambda: shutil.rmtree(folder), 5: another_fit}
    RNNTextClassifier(**DISTURBED, checkpoint_dir=folder).fit(*task)
    assert len(refused) == 1
    assert "another fit is writing" in refused[0]


def test_a_folder_that_cannot_be_made_again_ends_no_fit(task, tmp_path, happens):
    folder = tmp_path / "folder"
    whole = RNNTextClassifier(**DISTURBED).fit(*task)
    Disturbed.n_steps = 0

    def replace():
        shutil.rmtree(folder)
        folder.write_text("a file in its place")

    happens |= {5: replace, 13: folder.unlink}
    with pytest.warns(RuntimeWarning, match="RNNTextClassifier: the checkpoint of ep") as caught:
        model = RNNTextClassifier(**DISTURBED, checkpoint_dir=folder).fit(*task)
    assert len(caught) == 1
    assert "epoch 2 could not be written" in str(caught[0].message)
    assert_same(model, whole, task[0])
    assert n_epochs_in(folder) == 5  # it was tried again


@needs_forks
def test_a_folder_that_another_fit_has_taken_meanwhile_is_its(task, tmp_path, happens):
    folder = tmp_path / "folder"
    whole = RNNTextClassifier(**DISTURBED).fit(*task)
    Disturbed.n_steps = 0
    with ExitStack() as another:

        def take():
            shutil.rmtree(folder)
            folder.mkdir()
            another.enter_context(_checkpoint._locked("another", folder))

        happens[5] = take
        with pytest.warns(RuntimeWarning, match="another fit is writing its checkpoints"):
            model = RNNTextClassifier(**DISTURBED, checkpoint_dir=folder).fit(*task)
    assert_same(model, whole, task[0])
    assert not (folder / "checkpoint.npz").exists()


@needs_forks
def test_a_full_disk_ends_no_fit_and_leaves_the_last_checkpoint(task, tmp_path, happens):
    resource = pytest.importorskip("resource")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    whole = RNNTextClassifier(**DISTURBED).fit(*task)
    left = []

    def fill(n_bytes):
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, usual[1]))

    def empty():
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        left.append((n_epochs_in(tmp_path), sorted(path.name for path in tmp_path.iterdir())))

    for n_bytes in (0, 100, 10_000):  # at the start, within the first array, and within another
        Disturbed.n_steps = 0
        happens |= {5: lambda n_bytes=n_bytes: fill(n_bytes), 13: empty}
        try:
            with pytest.warns(RuntimeWarning, match="epoch 2 could not be written .*too large"):
                model = RNNTextClassifier(**DISTURBED, checkpoint_dir=tmp_path).fit(*task)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert_same(model, whole, task[0])
        assert n_epochs_in(tmp_path) == 5
        (tmp_path / "checkpoint.npz").unlink()
    assert left == [(1, [".lock", "checkpoint.npz"])] * 3


def test_a_resumed_fit_keeps_no_copy_of_what_it_resumed_from(task, tmp_path, breaks_after):
    """It is as large as the model and its optimizer, and is restored only once."""
    model = RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path)
    breaks_after(2)
    with pytest.raises(DiskError):
        model.fit(*task)
    breaks_after(None)
    saver = dict(model.fit(*task).net_.callbacks_)["checkpoint"]
    assert saver.checkpoint.saved is None
