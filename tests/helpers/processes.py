"""Processes that tests start, and what machines need for them."""

import os
import shutil
from pathlib import Path

import pytest

from paths import PACKAGE_HOME

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE_HOME)}
"""For processes that import what is tested."""

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
needs_proc = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="has no /proc")
needs_memory_peaks = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's count of memory"
)
