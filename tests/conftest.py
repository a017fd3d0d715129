"""Real data for the tests, read in place and never copied; how properties are tried."""

import multiprocessing
import os
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

import hostile_files
from paths import SHARED_DATA

# No example is late: how long one takes depends on what else the machine does, and hypothesis may
# report one that missed its deadline as "data generation behaved differently".
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# The same examples in each run of CI; new ones in each run by hand.
settings.register_profile("by hand", **UNHURRIED)
settings.register_profile("ci", derandomize=True, **UNHURRIED)
settings.load_profile("ci" if os.environ.get("CI") else "by hand")


def real_data(name):
    home = SHARED_DATA / name
    if not home.is_dir():
        pytest.skip(f"needs real data in ../shared/data/{name}, seen from the project's root")
    return home


@pytest.fixture(scope="session")
def forks():
    """What starts processes that have imported the library already: each begins at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        # The last two are imported by whoever first makes an optimizer, or explains.
        [
            "sklearn_rnn._cli.commands",
            "sklearn_rnn._network.numba_kernels",
            "torch._dynamo",
            "captum.attr",
        ]
    )
    first = context.Process(target=int)  # the server imports the library now
    first.start()
    first.join()
    return context


@pytest.fixture(scope="session")
def hostile():
    """What makes files to exhaust a machine, and measures what reading them takes."""
    return SimpleNamespace(**vars(hostile_files))


@pytest.fixture(scope="session")
def imdb_home():
    return real_data("imdb")


@pytest.fixture(scope="session")
def sms_spam_home():
    return real_data("sms_spam")


@pytest.fixture(scope="session")
def trec_home():
    return real_data("trec")


@pytest.fixture(scope="session")
def zh_hotel_home():
    return real_data("zh_hotel")


@pytest.fixture(scope="session")
def vectors_home():
    return real_data("vectors")


@pytest.fixture(scope="session")
def imdb_texts(imdb_home):
    """Raw texts of 1,000 training reviews."""
    from sklearn_rnn.datasets import fetch_imdb

    return fetch_imdb(imdb_home, subset="train").train.data[::25]
