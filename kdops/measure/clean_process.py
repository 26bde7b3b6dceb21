"""The clean process that measurements run in: it loads only what production would load."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kdops
from kdops.threads import variables
from kdops.training.memory import KEEPS_FREED_MEMORY

_TIMEOUT_S = 900
_STDERR_LINES = 5


class MeasurementError(RuntimeError):
    """The clean process gave no answer."""


def ask(
    module: str,
    request: Mapping[str, Any],
    *,
    threads: int,
    python: str = sys.executable,
    timeout_s: float = _TIMEOUT_S,
) -> dict[str, Any]:
    """Run a module in a fresh process that reads a JSON request and writes a JSON answer.

    Args:
        module: Its name, to be run as a program.
        request: What it reads from standard input; `bundle` names what is measured.
        threads: CPU threads that its libraries may use.
        python: The interpreter, of this environment or another one.
        timeout_s: Seconds that it may take.

    Raises:
        MeasurementError: The process failed or took too long; the message ends with the last line of its error output.
    """
    # -P and PYTHONPATH: the worker is found where this package is, and nothing in the current folder is.
    command = [python, "-P", "-m", module]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=_environment(os.environ, threads),
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"measuring {request['bundle']} took more than {timeout_s:.0f} s") from error
    if done.returncode:
        last_words = "\n".join(done.stderr.strip().splitlines()[-_STDERR_LINES:])
        raise MeasurementError(f"measuring {request['bundle']} ended with exit code {done.returncode}: {last_words}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _environment(current: Mapping[str, str], threads: int) -> dict[str, str]:
    package_root = str(Path(kdops.__file__).parents[1])
    paths = [package_root, *filter(None, [current.get("PYTHONPATH")])]
    # The caller may be a training worker, whose allocator keeps more memory than production's would.
    kept = {name: value for name, value in current.items() if name not in KEEPS_FREED_MEMORY}
    return {**kept, **variables(threads), "PYTHONPATH": os.pathsep.join(paths)}
