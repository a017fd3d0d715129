"""`python -m sklearn_rnn` ends as promised, whatever its standard streams are."""

import os
import shlex
import subprocess
import sys

import pytest

from processes import ENVIRONMENT, needs_bash


@needs_bash
@pytest.mark.parametrize(
    ("shell", "code", "message"),
    [
        ("--version >/dev/full", 2, "'standard output': No space left on device."),
        ("--help >/dev/full", 2, "'standard output': No space left on device."),
        ("--help 1</dev/null", 2, "'standard output': Bad file descriptor."),
        ("--version >&-", 2, "standard output is closed"),
        ("predict --help >&-", 2, "standard output is closed"),
        ("--version >&- 2>&-", 2, ""),
        ("--version <&- 2>&-", 0, ""),
        ("--nonsense 2>&-", 2, ""),
        ("--nonsense 2>/dev/full", 2, ""),
        ("--nonsense 2>&1 >&-", 2, ""),
        ("predict nothing.joblib - <&-", 2, "'nothing.joblib' does not exist"),
    ],
)
def test_a_program_that_just_starts_ends_as_promised(shell, code, message):
    if "/dev/full" in shell and not os.path.exists("/dev/full"):
        pytest.skip("has no disk that is always full")
    line = f"{shlex.quote(sys.executable)} -m sklearn_rnn {shell}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, env=ENVIRONMENT)
    assert ended.returncode == code
    assert message in ended.stderr.decode()
    assert len(ended.stderr.splitlines()) <= 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_for_a_reader_that_has_gone_ends_in_silence(option, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "sklearn_rnn", option]
    environment = ENVIRONMENT | {"PYTHONUNBUFFERED": unbuffered}
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")
