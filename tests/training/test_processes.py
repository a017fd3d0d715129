"""Processes that die, wait, differ or are out of step: all say so."""

import os
import signal
import subprocess
import sys

import pytest

from ranks import FITS, assert_one_model, assert_same

pytest.importorskip("accelerate")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork servers and SIGKILL")


def test_a_dead_process_ends_the_job_which_goes_on_from_the_main_ones_files(forked, tmp_path):
    """Each process is told a folder of its own, so that what it writes can be told apart."""
    assert forked(2, tmp_path, ["killed"]) == [1, -signal.SIGKILL]
    message = (tmp_path / "killed 0.txt").read_text()
    assert message.startswith("LostProcessError: data_parallel: process 0 of 2 cannot continue")
    assert "checkpoint_dir resumes from its last epoch" in message
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
        ("other parameters", "lr in process 0 'auto', in process 1 0.5"),
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
        assert "another one is at another operation" in message


def test_training_that_all_stop_in_the_same_step_keeps_its_model(forked, tmp_path):
    assert forked(2, tmp_path, ["stopped by all"]) == [0, 0]
    assert len(assert_one_model(tmp_path, "stopped by all", 2)["train_loss"]) == 2


def test_without_accelerate_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['accelerate'] = None\n"
        "from sklearn_rnn.distributed import data_parallel\n"
        "try: data_parallel().__enter__()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "sklearn-rnn[parallel]"' in done.stdout
