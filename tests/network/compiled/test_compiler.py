"""The compiler: what it may change, and what a user sees of it."""

import importlib.util
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("numba")

import numba

from sklearn_rnn._network.compiled.compiler import compiled, inlined, progress_line

MODULE = """
from sklearn_rnn._network.compiled.compiler import compiled

@compiled
def double(x):
    return 2 * x

@compiled
def treble(x):
    return double(x) + x
"""


def new_process(path, name):
    """Import a module anew, as a process that finds what others have cached."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "loops.py"
    path.write_text(MODULE)
    return path


def test_one_line_says_that_something_is_compiled_and_none_that_it_comes_from_the_cache(
    path, capsys
):
    ours = "sklearn_rnn._network.loops"
    with progress_line():
        assert new_process(path, ours).treble(1.0) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sklearn_rnn: compiling")
    assert err.count("\n") == 1
    with progress_line():
        assert new_process(path, ours).treble(1.0) == 3
    assert capsys.readouterr() == ("", "")
    with progress_line():
        assert new_process(path, ours).treble(1) == 3  # another type
    assert capsys.readouterr().err.count("\n") == 1


def test_blocks_in_blocks_and_in_other_threads_say_so_once(path, capsys):
    is_open, may_close = threading.Event(), threading.Event()

    def other_block():
        with progress_line():
            is_open.set()
            may_close.wait(60)

    with ThreadPoolExecutor(1) as thread, progress_line():
        other = thread.submit(other_block)
        is_open.wait(60)
        with progress_line():
            new_process(path, "sklearn_rnn.loops").double(1.0)
        may_close.set()
        other.result()
        new_process(path, "sklearn_rnn.loops").treble(1.0)  # a block is still open
    assert capsys.readouterr().err.count("\n") == 1
    with progress_line():
        new_process(path, "sklearn_rnn.loops").treble(1)
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["others", "sklearn_rnn_extras.loops", "others.sklearn_rnn"])
def test_what_other_libraries_compile_is_not_reported(path, name, capsys):
    with progress_line():
        new_process(path, name).treble(1.0)
    assert capsys.readouterr() == ("", "")


def test_nothing_is_reported_outside_the_block_even_after_an_error(path, capsys):
    with pytest.raises(ZeroDivisionError), progress_line():
        raise ZeroDivisionError
    new_process(path, "sklearn_rnn.loops").treble(1.0)
    assert capsys.readouterr() == ("", "")


@inlined
def _half(x):
    return x * np.float32(0.5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_stay_so(value):
    @numba.njit(**compiled_options())
    def halves(x):
        return _half(x) * x, x != x, x - x

    product, is_nan, nothing = halves(np.float32(value))
    assert is_nan == np.isnan(value)
    assert np.isnan(nothing)
    np.testing.assert_equal(product, np.float32(0.5 * value * value))


def compiled_options():
    """Return the options of `compiled`, without the cache."""
    options = compiled(lambda x: x).targetoptions
    return {name: options[name] for name in ("fastmath", "error_model", "nogil")}


def test_compiled_code_releases_the_interpreters_lock_and_is_cached():
    import sklearn_rnn._network.compiled.network
    import sklearn_rnn._training.compiled_steps  # noqa: F401

    ours = [module for name, module in sys.modules.items() if name.startswith("sklearn_rnn.")]
    functions = [
        function
        for module in ours
        for function in vars(module).values()
        if isinstance(function, numba.core.dispatcher.Dispatcher)
        and function.targetoptions.get("inline") != "always"
    ]
    assert functions
    for function in functions:
        assert function.targetoptions["nogil"]
        assert hasattr(function._cache, "cache_path")
