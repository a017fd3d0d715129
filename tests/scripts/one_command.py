"""One command of the command line as a process of its own, with the standard streams it is given.

To be run by `runpy.run_path` as "__main__", with these names: `COMMAND` is its arguments,
`STREAMS` the paths of its standard input, output and error, where None stands for a stream that
is closed, and `SETUP` what is done before.
"""

import os
import runpy
import sys


def redirect(paths):
    """Let the three descriptors lead to files, and close those without one."""
    for number, path in enumerate(paths):
        if path is not None:
            opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_NOCTTY)
            os.dup2(opened, number)
            os.close(opened)
    for number, path in enumerate(paths):
        if path is None:
            os.close(number)


def stream(number, path, mode, **options):
    """Return what Python makes of an open stream when it starts, or of a closed one."""
    if path is None:
        return None
    return open(number, mode, encoding="utf-8", closefd=False, **options)


def run(command, paths, setup):
    redirect(paths)
    sys.stdin, sys.stdout = stream(0, paths[0], "r"), stream(1, paths[1], "w")
    sys.stderr = stream(2, paths[2], "w", errors="backslashreplace", buffering=1)
    exec(setup)
    sys.argv = ["sklearn_rnn", *command]
    runpy.run_module("sklearn_rnn", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(COMMAND, STREAMS, SETUP)  # noqa: F821
