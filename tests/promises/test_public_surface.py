"""What a user may import is listed, documented to the letter, and free of side effects.

ruff sorts `__all__` (RUF022).
"""

import ast
import importlib
import inspect
import io
import json
import pickle
import pkgutil
import re
import subprocess
import sys

import pytest
from numpydoc.docscrape import NumpyDocString
from sklearn.pipeline import make_pipeline

import sklearn_rnn
from paths import ROOT

MODULES = ["sklearn_rnn"] + [
    module.name
    for module in pkgutil.walk_packages(sklearn_rnn.__path__, "sklearn_rnn.")
    if not any(part.startswith("_") for part in module.name.split("."))
]


def is_ours(thing):
    return (getattr(thing, "__module__", None) or "").startswith("sklearn_rnn")


def is_code(thing):
    return inspect.isclass(thing) or inspect.isfunction(thing)


def defined_in(module):
    """Name the public classes and functions of a module; a package's are those it re-exports."""
    is_package = hasattr(module, "__path__")
    return {
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and is_code(thing)
        and (is_ours(thing) if is_package else thing.__module__ == module.__name__)
    }


def exported_by(module_names):
    modules = [importlib.import_module(name) for name in module_names]
    things = [getattr(module, name) for module in modules for name in module.__all__]
    return sorted(set(filter(is_code, things)), key=own_name)


def own_name(thing):
    return thing.__qualname__


THINGS = exported_by(MODULES)
# Most users meet these alone; the other modules are for those who build on the library.
FRONT_DOOR = exported_by(["sklearn_rnn", "sklearn_rnn.datasets"])
# An exception, or a class that inherits its constructor, has no parameters of its own to document.
WITH_PARAMETERS = [
    thing for thing in THINGS if not inspect.isclass(thing) or is_ours(thing.__init__)
]


@pytest.mark.parametrize("module_name", MODULES)
def test_all_lists_every_public_class_and_function_and_no_foreign_one(module_name):
    module = importlib.import_module(module_name)
    listed = {name for name in module.__all__ if is_code(getattr(module, name))}
    assert listed == defined_in(module)


@pytest.mark.parametrize("thing", WITH_PARAMETERS, ids=own_name)
def test_every_parameter_is_documented_in_the_order_of_the_signature(thing):
    assert list(documented_types(thing)) == list(signature_parameters(thing))


@pytest.mark.parametrize("thing", WITH_PARAMETERS, ids=own_name)
def test_documented_defaults_are_the_real_defaults(thing):
    documented = {name: default_in(text) for name, text in documented_types(thing).items()}
    real = {
        name: "no default" if parameter.default is parameter.empty else repr(parameter.default)
        for name, parameter in signature_parameters(thing).items()
    }
    assert documented == real


@pytest.mark.parametrize("thing", FRONT_DOOR, ids=own_name)
def test_what_the_package_exports_shows_an_example(thing):
    assert ">>>" in thing.__doc__


def documented_types(thing):
    """Map each documented parameter to its type line; `X, y : ...` documents two."""
    parameters = NumpyDocString(inspect.getdoc(thing) or "")["Parameters"]
    return {name: entry.type for entry in parameters for name in entry.name.split(", ")}


def signature_parameters(thing):
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(thing).parameters.values()
    return {stars.get(parameter.kind, "") + parameter.name: parameter for parameter in parameters}


def default_in(type_line):
    stated = re.search(r"default=(.+)$", type_line)
    return repr(ast.literal_eval(stated[1])) if stated else "no default"


PROCESS_STATE = """
import json, os, random, sys, warnings
import numpy, skorch, torch
# What scikit-learn, skorch and torch do on import is theirs; what changes after them is ours.
import sklearn.feature_extraction.text, sklearn.model_selection

def state():
    return {
        "environment": dict(os.environ),
        "warnings filters": repr(warnings.filters),
        "torch threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "torch settings": repr([torch.get_default_dtype(), torch.is_grad_enabled()]),
        "random seeds": repr([random.getstate(), numpy.random.get_state(), torch.initial_seed()]),
    }

before, modules = state(), set(sys.modules)
import sklearn_rnn
after = state()
packages = {name.partition(".")[0] for name in set(sys.modules) - modules}
print(json.dumps({
    "changed": [name for name in before if before[name] != after[name]],
    "packages": sorted(packages),
}))
"""


@pytest.fixture(scope="module")
def effects_of_import():
    run = subprocess.run(
        [sys.executable, "-c", PROCESS_STATE], check=True, capture_output=True, text=True
    )
    return json.loads(run.stdout)


def test_import_changes_nothing_outside_the_package(effects_of_import):
    assert effects_of_import["changed"] == []


@pytest.mark.parametrize(
    "package",
    ["captum", "gensim", "jieba", "matplotlib", "pandas", "pooch", "requests", "skops"],
)
def test_import_leaves_what_few_need_for_later(effects_of_import, package):
    assert package not in effects_of_import["packages"]


def test_what_the_readme_lists_can_be_imported_from_the_package_itself():
    table = (ROOT / "README.md").read_text("utf-8").partition("## What is in it")[2]
    rows = re.findall(r"^\| (`.+?) \|", table.partition("\n\nAll of these")[0], flags=re.MULTILINE)
    names = [name.rpartition(".")[2] for row in rows for name in re.findall(r"`(.+?)`", row)]
    assert len(names) >= 13
    assert [name for name in names if not hasattr(sklearn_rnn, name)] == []


def test_reading_texts_vectors_and_files_imports_no_torch():
    code = """
import sys
from sklearn_rnn import PretrainedEmbedding, SequenceVectorizer, TextFile, load, make_reviews
print({"torch", "skorch"} & {*sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_name_no_private_class_but_the_shared_table(protocol):
    """Or else nothing private could be moved any more: a pickle opens by the paths in it."""
    texts, labels = sklearn_rnn.make_reviews(60, random_state=0)
    words = {word: [1.0, 0.0] for text in texts for word in text.split()}
    settings = {"hidden_size": 2, "max_epochs": 1, "random_state": 0}
    model = make_pipeline(
        sklearn_rnn.SequenceVectorizer(max_len=900),
        sklearn_rnn.PretrainedEmbedding(words, oov="zero"),
        sklearn_rnn.RNNTextClassifier(**settings, freeze_embedding=True),
    ).fit(texts, labels)
    sequences = model[:-1].transform(texts)
    numbers = sklearn_rnn.RNNTextRegressor(**settings).fit(sequences, range(60))
    assert sequences._margin is not None
    paths = set()

    class Spy(pickle.Unpickler):
        def find_class(self, module, name):
            paths.add(f"{module}.{name}")
            return super().find_class(module, name)

    Spy(io.BytesIO(pickle.dumps([model, sequences, numbers], protocol))).load()
    private = {path for path in paths if path.startswith("sklearn_rnn._")}
    assert private == {"sklearn_rnn._tables.SharedTable"}
