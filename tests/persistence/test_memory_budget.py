"""A model file takes no more memory and time than it may, whatever its bytes say."""

import json
import subprocess
import sys

import pytest

import hostile_archives
from processes import needs_memory_peaks

pytest.importorskip("skops.io")


@needs_memory_peaks
def test_what_is_made_to_exhaust_a_machine_is_refused_within_the_bound():
    harmless = {"a folder beside an array and words", "digits in a text"}
    rows = what_loading_takes(hostile_archives.MAKERS)
    assert {row[0] for row in rows if row[3] != "ModelFileError"} == harmless


@needs_memory_peaks
def test_what_is_nearly_too_large_is_read_within_the_bound():
    assert {row[3] for row in what_loading_takes(hostile_archives.LARGEST)} == {"loaded"}


def what_loading_takes(names):
    run = subprocess.run(
        [sys.executable, "-W", "ignore", hostile_archives.__file__, *names],
        capture_output=True,
        text=True,
        timeout=600,  # ends what would never
    )
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    print(run.stdout)
    assert [row[0] for row in rows] == list(names), run.stderr
    assert [row for row in rows if row[1] > row[2]] == []
    return rows
