"""Searches on a cluster find what one process finds, to the last bit, even where workers die.

Each cluster lives in a process of its own, which is ended, with all that it started, when its time
is up: nothing here can hang, and no cluster outlives its test.
"""

import os
import pickle
import runpy
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from paths import SCRIPTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs process groups and SIGKILL")

KILL_ROUNDS = int(os.environ.get("CLUSTER_KILL_ROUNDS", 0))  # `make cluster-test` asks for some
N_FITS = {"grid": 8, "halving": 14, "predictions": 2}
ALL = list(N_FITS)
LONG = ALL if KILL_ROUNDS else ["grid"]
"""What the long form searches everywhere: each start of a cluster takes seconds."""

LIMIT = 600  # seconds; some 15 are usual, and a busy machine stretches them
SCRIPT = str(SCRIPTS / "cluster_searches.py")
# The network, the processes and what is mounted are gone when this ends, however it ends.
OF_ITS_OWN = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
PACKAGE = {"dask": "distributed", "addresses": "distributed", "ray": "ray"}


@pytest.fixture(scope="module")
def alone():
    return runpy.run_path(SCRIPT)["results"](ALL)


@pytest.fixture
def searched(tmp_path):
    """Search on a cluster; return what was found, and what was measured."""

    def search(engine, works, marks=""):
        pytest.importorskip(PACKAGE[engine])
        file = tmp_path / "found"
        command = [sys.executable, SCRIPT, engine, ",".join(works), str(file), str(marks)]
        run_within(LIMIT, [*network(engine), *command], tmp_path / "log")
        return pickle.loads(file.read_bytes())

    return search


def run_within(seconds, command, log):
    """Run a command; fail with its last words if it does, or takes longer. Its family goes too."""
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    environment.pop("OMP_NUM_THREADS", None)  # it would decide over the cluster's settings
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = f"no end after {seconds} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert code == 0, f"{command[-4:]}: {code}.\n{log.read_text('utf-8', 'replace')[-5_000:]}"


def network(engine):
    """Return what gives a command a network of its own, where the engine needs one."""
    if engine != "addresses":
        return ()
    steps = "mount -t tmpfs tmpfs /run && ip netns add other && ip link add bridge type bridge"
    try:
        tried = subprocess.run([*OF_ITS_OWN, "sh", "-ec", steps], capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(f"needs unshare, of util-linux: {error}")
    if tried.returncode:
        pytest.skip(f"needs network namespaces, and ip of iproute2: {tried.stderr.strip()}")
    return OF_ITS_OWN


@pytest.mark.parametrize(("engine", "works"), [("dask", ALL), ("ray", LONG)])
def test_a_search_on_a_cluster_finds_what_one_process_finds(engine, works, searched, alone):
    outcome = searched(engine, works)
    assert_same(outcome, works, alone)
    assert outcome.get("bytes for texts", 0) < 1_000  # of 800,000, with each fit on Ray


@pytest.mark.parametrize("engine", ["dask", "ray"])
@pytest.mark.parametrize("kill_round", range(max(KILL_ROUNDS, 1)))
def test_workers_that_are_killed_change_no_result(engine, kill_round, searched, alone, tmp_path):
    works = [ALL[kill_round % len(ALL)]]
    marks = tmp_path / "marks"
    marks.mkdir()
    outcome = searched(engine, works, marks)
    assert len(list(marks.iterdir())) >= 2  # both folds killed a worker
    assert_same(outcome, works, alone)


def test_workers_at_addresses_of_their_own_get_the_texts_once_each(searched, alone):
    outcome = searched("addresses", LONG)
    assert_same(outcome, LONG, alone)
    n_bytes = sum(map(len, runpy.run_path(SCRIPT)["DATA"][0]))
    with_fits = outcome["received"] - n_bytes
    assert (with_fits >= 0).all()
    assert with_fits.sum() < sum(N_FITS[work] for work in LONG) * n_bytes / 10


def assert_same(outcome, works, alone):
    assert outcome["threads"] == [1, 1]  # the one worker's do not fight the other's
    for work in works:
        np.testing.assert_equal(outcome["found"][work], alone[work])
