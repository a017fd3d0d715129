"""Validate the docstrings of everything that users see, wherever it is defined."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

from numpydoc.validate import validate

import sklearn_rnn

NOT_ASKED = {
    "ES01",  # a summary may be enough
    "EX01",  # tests/promises/test_public_surface.py requires examples where users start
    "RT02",  # scikit-learn names what it returns: `self : object`
    "SA01",  # not everything has something related
}


def public_modules() -> Iterator[str]:
    yield "sklearn_rnn"
    for module in pkgutil.walk_packages(sklearn_rnn.__path__, "sklearn_rnn."):
        if "._" not in module.name:
            yield module.name


def is_ours(thing: Any) -> bool:
    return (getattr(thing, "__module__", None) or "").startswith("sklearn_rnn")


def public_names() -> Iterator[str]:
    """Yield what modules export, and the methods that users inherit from private bases."""
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{module_name}.{name}"
                yield from methods(f"{module_name}.{name}", thing)


def methods(name: str, owner: Any) -> Iterator[str]:
    for attribute, thing in inspect.getmembers(owner):
        function = thing.fget if isinstance(thing, property) else thing
        if not attribute.startswith("_") and callable(function) and is_ours(function):
            yield f"{name}.{attribute}"


def main() -> int:
    findings = {}  # by place: several classes inherit one method, packages re-export
    for name in public_names():
        report = validate(name)
        for code, message in report["errors"]:
            if code not in NOT_ASKED:
                findings[report["file"], report["file_line"], code, message] = name
    for (file, line, code, message), name in findings.items():
        print(f"{file}:{line}: {name}: {code} {message}")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
