"""Processes that train one network together end with one model, that of a single process."""

import os
import runpy
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import distributed as dist

from paths import PACKAGE_HOME, SCRIPTS
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._data.batches import LengthSortedBatches, SequenceDataset
from sklearn_rnn._training.data_parallel import gather_logits
from sklearn_rnn._training.processes import ProcessGroup
from sklearn_rnn.distributed import data_parallel

pytest.importorskip("accelerate")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork servers and SIGKILL")

SCRIPT = SCRIPTS / "parallel_fit.py"
FITS = runpy.run_path(str(SCRIPT))
LONGEST = 600  # seconds, for processes that take five: what hangs, hangs


@pytest.fixture(scope="module")
def forked(forks):
    """Start processes that know of each other."""

    def start(size, *arguments):
        # The place where they meet is this process's: nobody else can take its port.
        store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        given = [
            {"ENVIRONMENT": environment(rank, size, store.port), "ARGUMENTS": arguments}
            for rank in range(size)
        ]
        # Nothing of this module, which other processes may not be able to import.
        ranks = [
            forks.Process(target=runpy.run_path, args=(str(SCRIPT), globals_), daemon=True)
            for globals_ in given
        ]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(LONGEST)
        unfinished = [rank for rank in ranks if rank.is_alive()]
        for rank in unfinished:
            rank.kill()
        assert not unfinished, f"{len(unfinished)} of {size} processes hang"
        return [rank.exitcode for rank in ranks]

    return start


def environment(rank, size, port):
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "OMP_NUM_THREADS": "1",
    }


def assert_same(ours, theirs, **tolerance):
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], **tolerance, err_msg=name)


def assert_one_model(folder, name, n_ranks):
    """Assert that all processes have the same bits; return what they have."""
    first, *others = [np.load(folder / f"{name} {rank}.npz") for rank in range(n_ranks)]
    for other in others:
        assert_same(other, first, rtol=0, atol=0)
    return first


# ---- The same model --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(forked, tmp_path_factory):
    """The folder of all fits by two processes."""
    folder = tmp_path_factory.mktemp("two")
    assert forked(2, folder, list(FITS["FITS"])) == [0, 0]
    return folder


@pytest.mark.parametrize("name", [n for n in FITS["FITS"] if n not in ("unseeded", "rounding")])
def test_two_processes_end_with_the_model_of_one_bit_by_bit(two, name):
    model = FITS["FITS"][name]()
    if not model.net_.module_.is_fused:
        pytest.skip("needs numba: without it one process does not halve batches of this cell")
    ours = assert_one_model(two, name, 2)
    assert_same(ours, FITS["contents"](model), rtol=0, atol=0)


def test_processes_without_a_seed_still_end_with_one_model(two):
    assert_one_model(two, "unseeded", 2)


def test_processes_that_round_differently_still_end_with_one_model(two):
    ours = assert_one_model(two, "rounding", 2)
    assert len(ours["valid_loss"]) > 1  # it has decided when to stop


def test_three_processes_follow_the_losses_of_one_within_rounding(forked, tmp_path):
    names = ["exact", "batches of one"]  # without dropout, whose masks are drawn for each part
    assert forked(3, tmp_path, names) == [0, 0, 0]
    for name in names:
        ours = assert_one_model(tmp_path, name, 3)
        assert_same(ours, FITS["contents"](FITS["FITS"][name]()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "launcher",
    [
        "torch.distributed.run --standalone --nproc-per-node 2",
        "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 "
        "--mixed_precision no --dynamo_backend no --main_process_port 0",
    ],
    ids=["torchrun", "accelerate"],
)
def test_a_script_is_launched_as_torch_scripts_are(launcher, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE_HOME),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", *launcher.split(), str(SCRIPT), str(tmp_path), "lstm"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LONGEST
    )
    assert done.returncode == 0, done.stderr
    ours = assert_one_model(tmp_path, "lstm", 2)
    assert_same(ours, FITS["contents"](FITS["FITS"]["lstm"]()), rtol=0, atol=0)


@dataclass
class InThread(ProcessGroup):
    """A process that is a thread."""

    board: list[list[torch.Tensor] | None] = field(default_factory=list)
    all_here: threading.Barrier | None = None

    def all_gather(self, parts):
        self.board[self.rank] = [part.flatten() for part in parts]
        self.all_here.wait(LONGEST)
        return self.board


@pytest.mark.parametrize("n_processes", [2, 3])
@pytest.mark.parametrize("n_texts", [1, 5, 30])
def test_texts_set_aside_are_shared_out_in_whole_batches(n_texts, n_processes):
    X = np.arange(2, n_texts + 2)[:, None] * np.ones(3_000, int)  # each text repeats its word
    batches = LengthSortedBatches(SequenceDataset(X))
    board, all_here = [None] * n_processes, threading.Barrier(n_processes)

    def validate(rank):
        infers = Mock(side_effect=lambda inputs: inputs["sequences"][:, :2].float())
        process = InThread(rank, n_processes, board=board, all_here=all_here)
        return gather_logits(infers, batches, process), infers.call_count

    with ThreadPoolExecutor(n_processes) as threads:
        results = list(threads.map(validate, range(n_processes)))
    assert sum(n_calls for _, n_calls in results) == len(batches)
    assert max(n_calls for _, n_calls in results) == -(-len(batches) // n_processes)
    for logits, _ in results:
        for ours, (inputs, _) in zip(logits, batches, strict=True):
            np.testing.assert_array_equal(ours, inputs["sequences"][:, :2])


def test_a_process_by_itself_trains_as_ever():
    X, y = FITS["sequences"]()
    with data_parallel() as processes:
        model = RNNTextClassifier(**FITS["SMALL"], random_state=0).fit(X, y)
    assert (processes.rank, processes.size, processes.is_main) == (0, 1, True)
    np.testing.assert_array_equal(model.transform(X), FITS["FITS"]["lstm"]().transform(X))


# ---- Files, and processes that die -----------------------------------------------------------


def test_a_dead_process_ends_the_job_which_goes_on_from_the_main_ones_files(forked, tmp_path):
    """Each process is told a folder of its own, so that what it writes can be told apart."""
    assert forked(2, tmp_path, ["killed"]) == [1, -signal.SIGKILL]
    message = (tmp_path / "killed 0.txt").read_text()
    assert message.startswith("LostProcessError: data_parallel: process 0 of 2 cannot go on")
    assert "checkpoint_dir goes on from its last epoch" in message
    assert [path.name for path in tmp_path.glob("checkpoint*/*.npz")] == ["checkpoint.npz"]
    assert (tmp_path / "checkpoint 0" / "checkpoint.npz").exists()
    assert forked(2, tmp_path, ["kept"]) == [0, 0]
    ours = assert_one_model(tmp_path, "kept", 2)
    assert_same(ours, FITS["contents"](FITS["FITS"]["stopping early"]()), rtol=0, atol=0)
    assert not (tmp_path / "checkpoint 1").exists()


def test_a_process_that_never_comes_is_waited_for_only_so_long(forked, tmp_path):
    os.mkfifo(tmp_path / "done")
    assert forked(2, tmp_path, ["alone"], 5) == [1, 0]
    assert "another one did not answer" in (tmp_path / "alone 0.txt").read_text()


@pytest.mark.parametrize(
    ("trouble", "difference"),
    [
        ("other data", "the data differ"),
        ("other parameters", "lr in process 0 0.003, in process 1 0.5"),
        ("other folders", "checkpoint_dir in process 0 None, in process 1 a folder"),
    ],
)
def test_processes_with_different_fits_all_say_so(forked, tmp_path, trouble, difference):
    assert forked(2, tmp_path, [trouble]) == [1, 1]
    for rank in range(2):
        assert (tmp_path / f"{trouble} {rank}.txt").read_text() == (
            f"ValueError: RNNTextClassifier: the processes were not given the same fit: "
            f"{difference}. Give all of them the same parameters and all data, in the same order, "
            "and a random_state to the steps before this one."
        )


@pytest.mark.parametrize("trouble", ["failing", "stopped by one"])
def test_a_process_out_of_step_is_noticed_by_all(forked, tmp_path, trouble):
    assert forked(2, tmp_path, [trouble]) == [1, 1]
    for rank in range(2):
        message = (tmp_path / f"{trouble} {rank}.txt").read_text()
        assert message.startswith("LostProcessError: data_parallel: process"), message
        assert "another one does something else" in message


def test_training_that_all_stop_in_the_same_step_keeps_its_model(forked, tmp_path):
    assert forked(2, tmp_path, ["stopped by all"]) == [0, 0]
    assert len(assert_one_model(tmp_path, "stopped by all", 2)["train_loss"]) == 2


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


def test_without_accelerate_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['accelerate'] = None\n"
        "from sklearn_rnn.distributed import data_parallel\n"
        "try: data_parallel().__enter__()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "sklearn-rnn[parallel]"' in done.stdout
