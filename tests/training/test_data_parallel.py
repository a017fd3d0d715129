"""Processes that train one network together end with one model, that of a single process."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from processes import ENVIRONMENT
from ranks import FITS, SCRIPT, TIMEOUT, assert_one_model, assert_same
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._data.batches import LengthSortedBatches, SequenceDataset
from sklearn_rnn._network.compilation import compiled_network
from sklearn_rnn._training.data_parallel import gather_logits
from sklearn_rnn._training.processes import ProcessGroup
from sklearn_rnn.distributed import data_parallel

pytest.importorskip("accelerate")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork servers and SIGKILL")


@pytest.fixture(scope="module")
def two(forked, tmp_path_factory):
    """The folder of all fits by two processes."""
    folder = tmp_path_factory.mktemp("two")
    assert forked(2, folder, list(FITS["FITS"])) == [0, 0]
    return folder


@pytest.mark.parametrize("name", [n for n in FITS["FITS"] if n not in ("unseeded", "rounding")])
def test_two_processes_end_with_the_model_of_one_bit_by_bit(two, name):
    model = FITS["FITS"][name]()
    network = model.net_.module_
    if compiled_network(network) is None and not network.is_fused_by_torch:
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
    environment = ENVIRONMENT | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *launcher.split(), str(SCRIPT), str(tmp_path), "lstm"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TIMEOUT
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
        self.all_here.wait(TIMEOUT)
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
        model = RNNTextClassifier(**FITS["FOUR_EPOCHS"], random_state=0).fit(X, y)
    assert (processes.rank, processes.size, processes.is_main) == (0, 1, True)
    np.testing.assert_array_equal(model.transform(X), FITS["classifier"]().transform(X))
