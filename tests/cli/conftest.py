"""Tables, and a model trained by the command line, for its tests."""

import contextlib
import io
import os
import runpy
from types import SimpleNamespace

import pytest

from command_line import COLUMNS, LABELS, REVIEWS, Ended, Fitted, run, write_csv
from paths import SCRIPTS
from sklearn_rnn import RNNTextClassifier, RNNTextRegressor


@pytest.fixture
def reviews(tmp_path):
    rows = zip(range(60), REVIEWS, LABELS, strict=True)
    return write_csv(tmp_path / "reviews.csv", [["id", "review", "sentiment"], *rows])


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A model that the command line trained, and what it printed."""
    folder = tmp_path_factory.mktemp("trained")
    rows = zip(REVIEWS, LABELS, strict=True)
    table = write_csv(folder / "reviews.csv", [["review", "sentiment"], *rows])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        options = ["--epochs", "2", "--out", folder / "my model.joblib"]
        assert run("train", table, *COLUMNS, *options) == 0
    return SimpleNamespace(path=folder / "my model.joblib", out=out.getvalue(), err=err.getvalue())


@pytest.fixture
def fits(monkeypatch):
    """End each training before it begins; give what would have been trained, and on what."""
    begun = []

    def fit(self, X, y):
        begun.append((self, X, y))
        raise Fitted

    monkeypatch.setattr(RNNTextClassifier, "fit", fit)
    monkeypatch.setattr(RNNTextRegressor, "fit", fit)
    return begun


@pytest.fixture
def out(tmp_path):
    return tmp_path / "model.joblib"


@pytest.fixture
def gaps(tmp_path):
    rows = [*zip(REVIEWS, LABELS, strict=True)]
    rows[3] = ("one review\non two lines", "positive")
    rows[7], rows[9], rows[11] = ("", "positive"), ("so good", " "), (" \n", "")
    return write_csv(tmp_path / "gaps.csv", [("review", "sentiment"), *rows])


@pytest.fixture(scope="session")
def command(forks, tmp_path_factory):
    """Run commands as processes."""
    if os.name != "posix":
        pytest.skip("needs fork servers")
    folder = tmp_path_factory.mktemp("streams")
    script = str(SCRIPTS / "one_command.py")

    def run(*arguments, closed=(), out=None, stdin=os.devnull, setup=""):
        streams = [stdin, out or str(folder / "out"), str(folder / "err")]
        for path in (folder / "out", folder / "err"):
            path.write_bytes(b"")
        streams = [None if i in closed else path for i, path in enumerate(streams)]
        globals_ = {"COMMAND": list(map(str, arguments)), "STREAMS": streams, "SETUP": setup}
        process = forks.Process(target=runpy.run_path, args=(script, globals_, "__main__"))
        process.start()
        process.join()
        return Ended(process.exitcode, *((folder / it).read_bytes() for it in ("out", "err")))

    return run
