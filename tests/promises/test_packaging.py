"""The wheel holds the package and nothing else, and tests are found from the code."""

import os
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import sklearn_rnn
from paths import ROOT, TESTS

TESTED_WHEEL = os.environ.get("TESTED_WHEEL")  # set by `make test`


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if TESTED_WHEEL:
        return zipfile.ZipFile(TESTED_WHEEL)
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation"]
    subprocess.run([*command, "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel):
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel.read(name).decode())


@pytest.mark.skipif(not TESTED_WHEEL, reason="only `make test` installs the wheel")
def test_the_tests_run_against_the_installed_wheel():
    assert "site-packages" in Path(sklearn_rnn.__file__).parts


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    top_level = {name.partition("/")[0] for name in wheel.namelist()}
    assert top_level == {"sklearn_rnn", f"sklearn_rnn-{sklearn_rnn.__version__}.dist-info"}


def test_the_wheel_holds_every_module_of_the_checkout(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("sklearn_rnn/**/*.py")}
    assert modules == {name for name in wheel.namelist() if name.endswith(".py")}


@pytest.mark.parametrize("ending", ["sklearn_rnn/py.typed", ".dist-info/licenses/LICENSE"])
def test_the_wheel_holds_its_type_marker_and_licence(wheel, ending):
    assert any(name.endswith(ending) for name in wheel.namelist())


def test_the_metadata_says_what_the_package_is(metadata):
    assert metadata["Name"] == "sklearn-rnn"
    assert metadata["Version"] == sklearn_rnn.__version__
    assert metadata["Requires-Python"] == ">=3.11.4"
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_a_plain_install_asks_for_the_core_dependencies_only(metadata):
    core = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    names = {line.partition(">=")[0] for line in core}
    assert names == {
        *("joblib", "numba", "numpy", "pooch", "scikit-learn", "scipy", "skorch"),
        *("threadpoolctl", "torch", "tqdm"),
    }


# ---- Where tests are -------------------------------------------------------------------------


def own_name(path):
    """Return a path by the names in it, without a suffix or the marks of private ones."""
    return tuple(part.strip("_") for part in path.with_suffix("").parts)


MODULES = {
    own_name(path.relative_to(ROOT / "sklearn_rnn"))
    for path in ROOT.glob("sklearn_rnn/**/*.py")
    if path.name != "__init__.py"
}
TESTS_OF_NO_MODULE = {
    "displays/test_notebooks.py": "pages that notebooks show, of whatever object",
    "persistence/test_files_of_scikit_learn.py": "all modules together, on estimators of others",
}


def test_each_module_has_a_test_file_of_its_name_in_the_folder_of_its_name():
    missing = [
        "/".join(module)
        for module in sorted(MODULES)
        if not TESTS.joinpath(*module).with_name(f"test_{module[-1]}.py").is_file()
    ]
    assert missing == []


def test_each_test_file_is_named_for_a_module_or_tests_a_promise_of_all():
    unknown = set()
    for path in TESTS.glob("**/test_*.py"):
        *folder, name = own_name(path.relative_to(TESTS))
        words = name.removeprefix("test_").split("_")
        names = ("_".join(words[:n]) for n in range(1, len(words) + 1))
        if folder != ["promises"] and not any((*folder, name) in MODULES for name in names):
            unknown.add(path.relative_to(TESTS).as_posix())
    assert unknown == TESTS_OF_NO_MODULE.keys()
