"""Processes that train one model together, and the weights that they save."""

import runpy

import numpy as np

from paths import SCRIPTS

SCRIPT = SCRIPTS / "parallel_fit.py"
FITS = runpy.run_path(str(SCRIPT))
TIMEOUT = 600  # seconds; a run takes five, so one that reaches this hangs


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
    """Assert that all processes have bit-identical weights; return these."""
    first, *others = [np.load(folder / f"{name} {rank}.npz") for rank in range(n_ranks)]
    for other in others:
        assert_same(other, first, rtol=0, atol=0)
    return first
