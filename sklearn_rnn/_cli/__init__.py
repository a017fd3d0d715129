"""The command line: `python -m sklearn_rnn`."""
