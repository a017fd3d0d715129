"""The network over packed texts, compiled by numba; imported only if that is installed."""
