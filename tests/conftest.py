"""Real data for the tests, read in place and never copied; how properties are tried."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Their assertions tell what was compared, as those in tests do.
pytest.register_assert_rewrite(
    *(path.stem for path in Path(__file__).with_name("helpers").glob("*.py"))
)

# No example is late: how long one takes depends on what else the machine does, and hypothesis may
# report one that missed its deadline as "data generation behaved differently".
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
# The same examples in each run of CI; new ones in each run by hand.
settings.register_profile("by hand", **UNHURRIED)
settings.register_profile("ci", derandomize=True, **UNHURRIED)
settings.load_profile("ci" if os.environ.get("CI") else "by hand")


def real_data(name):
    from paths import SHARED_DATA

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
            "sklearn_rnn._network.compiled.network",
            "torch._dynamo",
            "captum.attr",
        ]
    )
    first = context.Process(target=int)  # the server imports the library now
    first.start()
    first.join()
    return context


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


@pytest.fixture(scope="session")
def models():
    """A fitted pipeline of each kind."""
    from small_models import MODELS, fitted

    return {kind: fitted(kind) for kind in MODELS}


@pytest.fixture(scope="session")
def stopped_early():
    """A pipeline that learned reviews of films, and watched its loss on some of them."""
    from film_reviews import fitted
    from sklearn_rnn import RNNTextClassifier
    from small_models import THREE_EPOCHS

    return fitted(RNNTextClassifier(**THREE_EPOCHS, early_stopping=True))


@pytest.fixture
def two_words():
    """Two words that decide, among words that do not."""
    rng = np.random.default_rng(0)
    X = rng.integers(4, 40, (160, 12))
    y = rng.integers(2, size=160)
    X[np.arange(160), rng.integers(12, size=160)] = 2 + y
    return X, y


@pytest.fixture
def corpus(tmp_path):
    """A file of more texts than one chunk holds."""
    from long_corpus import TEXTS
    from sklearn_rnn.corpora import TextFile

    path = tmp_path / "corpus.txt"
    path.write_text("".join(f"{text}\n" for text in TEXTS))
    return TextFile(path)
