"""The command line: ``python -m sklearn_rnn``."""

import io
import sys
import traceback

from ._cli.main import main
from ._cli.terminal import hold_descriptors, screens

if __name__ == "__main__":
    hold_descriptors()
    if isinstance(sys.stdout, io.TextIOWrapper):  # not all show every script
        sys.stdout.reconfigure(errors="backslashreplace")
    with screens():
        try:
            code = main()
        except Exception:  # a bug: its message, too, may quote a file
            traceback.print_exc()
            code = 1
    sys.exit(code)
