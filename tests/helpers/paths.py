"""Where things are that tests read or run."""

from pathlib import Path

import sklearn_rnn

TESTS = Path(__file__).resolve().parents[1]
SCRIPTS = TESTS / "scripts"  # what tests run as processes of their own
SAVED_MODELS = TESTS / "saved_models"  # written by earlier versions
ROOT = TESTS.parent  # of the checkout
SHARED_DATA = ROOT.parent / "shared" / "data"  # real data, which may be missing
PACKAGE_HOME = Path(sklearn_rnn.__file__).parents[1]  # for PYTHONPATH: what is tested
