"""One command of the command line as a process of its own, with the standard streams it is given.

`COMMAND` is its arguments, `STREAMS` the paths of its standard input, output and error, where None
stands for a stream that is closed, and `SETUP` what is done before.
"""

import os
import runpy
import sys

for number, path in enumerate(STREAMS):  # noqa: F821
    if path is not None:
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_NOCTTY)
        os.dup2(opened, number)
        os.close(opened)
for number, path in enumerate(STREAMS):  # noqa: F821
    if path is None:
        os.close(number)


def stream(number, mode, **options):
    """Return what Python makes of an open stream when it starts, or of a closed one."""
    if STREAMS[number] is None:  # noqa: F821
        return None
    return open(number, mode, encoding="utf-8", closefd=False, **options)


sys.stdin, sys.stdout = stream(0, "r"), stream(1, "w")
sys.stderr = stream(2, "w", errors="backslashreplace", buffering=1)
exec(SETUP)  # noqa: F821
sys.argv = ["sklearn_rnn", *COMMAND]  # noqa: F821
runpy.run_module("sklearn_rnn", run_name="__main__", alter_sys=True)
