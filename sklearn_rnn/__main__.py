"""The command line: ``python -m sklearn_rnn``."""

import io
import sys

from .cli import main

if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):  # labels may be in any script, terminals not
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())
