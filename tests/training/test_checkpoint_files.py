"""Files of checkpoints: damaged ones are refused, and read within their size."""

import os
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings

import hostile
from sklearn_rnn import RNNTextClassifier
from sklearn_rnn._training import checkpoint as _checkpoint
from sklearn_rnn.exceptions import CheckpointError
from small_models import FIVE_EPOCHS


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_damaged_checkpoint_is_refused(task, checkpoint, share):
    path = checkpoint / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CheckpointError, match="Delete it to train from the start"):
        RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=checkpoint).fit(*task)


@pytest.mark.skipif(os.name != "posix", reason="has no such files")
@pytest.mark.parametrize("name", [".lock", "checkpoint.npz"])
def test_a_fifo_is_refused_and_not_waited_for(task, tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(
        OSError, match=f"RNNTextClassifier: .*{name}' is a FIFO: expected a regular file"
    ):
        RNNTextClassifier(**FIVE_EPOCHS, checkpoint_dir=tmp_path).fit(*task)


def test_a_checkpoint_holds_no_pickle(checkpoint):
    arrays = np.load(checkpoint / "checkpoint.npz", allow_pickle=False)
    assert all(arrays[name].dtype != object for name in arrays)


# ---- Memory ----------------------------------------------------------------------------------


RECORDS = {
    "nested": b"[" * 10**6,
    "lists": b"[" + b"[],[[]]," * 120_000 + b"0]",
    "dicts": b'{"":[' + b'{"":{}},' * 120_000 + b"0]}",
    "digits": b"9" * 10**6,
    "batches": b'"batches": [' * 80_000,
}


def npz_of(**arrays):
    file = BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_is_read_within_the_size_of_its_file(tmp_path, kind):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(npz_of(record=np.frombuffer(RECORDS[kind], np.uint8)))
    peak, error = hostile.peak_of(_checkpoint._read, "RNNTextClassifier", path)
    assert isinstance(error, CheckpointError)
    assert peak < hostile.allowed(path.read_bytes())


def test_any_archive_is_read_within_its_size_and_refused(tmp_path):
    header = hostile.npy_header
    starts = [
        b"",
        header((0,), "|u1"),
        header((40 * hostile.MEGABYTE,), "|u1"),
        header((10**15,)),
        *[header((len(record),), "|u1") + record for record in RECORDS.values()],
    ]
    path = tmp_path / "checkpoint.npz"

    @settings(max_examples=60)
    @given(hostile.zips(["record.npy", "masks.npy", "weights/a.npy"], starts))
    def check(data):
        path.write_bytes(data)
        peak, error = hostile.peak_of(_checkpoint._read, "RNNTextClassifier", path)
        assert isinstance(error, CheckpointError)
        assert peak < hostile.allowed(data)

    check()
