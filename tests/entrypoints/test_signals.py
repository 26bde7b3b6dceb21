"""A program that is told to end does so, wherever the signal finds it, with one line that says what to do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHIN_A_FINALIZER = """
import os, sys, time, weakref
from entrypoints import cli

class Thing:
    pass

def work() -> None:
    '''Work until it is told to end.'''
    thing = Thing()
    kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), int(sys.argv.pop())))
    del thing
    time.sleep(30)

cli.program(work, [])(args=[])
"""


@pytest.mark.parametrize(
    ("sent", "code", "said"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_a_signal_within_a_weakref_callback_ends_the_program(sent: signal.Signals, code: int, said: str) -> None:
    command = [sys.executable, "-c", WITHIN_A_FINALIZER, str(int(sent))]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False, timeout=25)
    assert done.returncode == code
    assert done.stderr == f"{said}: what is finished is kept, and the same command goes on from there\n"
