"""The time that passes before a command begins its work."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kdops.threads import variables

ROOT = Path(__file__).parents[1]
_FIRST_EPOCH = "teacher: epoch 1"
_SMALL = {"trials": 2, "epochs": 3, "teacher_epochs": 1}


def help_s() -> float:
    """Seconds of `python -m entrypoints.distill --help`."""
    started = time.perf_counter()
    _run([sys.executable, "-m", "entrypoints.distill", "--help"], _environment(Path(tempfile.mkdtemp())), until="")
    return time.perf_counter() - started


def first_epoch_s() -> tuple[float, float]:
    """Seconds of `mlflow run . -e distill` on the sample data to the end of the first epoch.

    Returns:
        Of the first run, which makes MLflow's database, and of one that finds the database there.
    """
    folder = Path(tempfile.mkdtemp())
    return distill_s(folder, {"seed": 1}, _FIRST_EPOCH), distill_s(folder, {"seed": 2}, _FIRST_EPOCH)


def finished_s() -> tuple[float, float]:
    """Seconds of a small `mlflow run . -e distill` on the sample data to its end, and of the same command again."""
    folder = Path(tempfile.mkdtemp())
    return distill_s(folder, _SMALL), distill_s(folder, _SMALL)


def distill_s(
    folder: Path,
    parameters: Mapping[str, str | int],
    until: str = "",
    *,
    before: Sequence[str] = (),
    threads: int | None = 1,
) -> float:
    """Seconds of `mlflow run . -e distill` on the sample data.

    Args:
        folder: of its workspace and its tracking store.
        parameters: of `distill`.
        until: what it says when it is stopped; empty: at its end.
        before: words before the command, as in `taskset -c 0`.
        threads: `OMP_NUM_THREADS`; None: as many as kdops chooses.
    """
    command = [*before, sys.executable, "-m", "mlflow", "run", str(ROOT), "-e", "distill", "--env-manager", "local"]
    for name, value in parameters.items():
        command += ["-P", f"{name}={value}"]
    started = time.perf_counter()
    _run(command, _environment(folder, threads), until)
    return time.perf_counter() - started


def _environment(folder: Path, threads: int | None = 1) -> dict[str, str]:
    # An entry point is run by the `python` of the PATH, which need not be this one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    home = {"KDOPS_HOME": str(folder / "home"), "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
    more = {"MLFLOW_EXPERIMENT_NAME": "kdops", "PYTHONPATH": str(ROOT)}
    kept = {name: value for name, value in os.environ.items() if name not in variables(1)}
    return kept | {"PATH": path} | home | more | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})


def _run(command: Sequence[str], environment: dict[str, str], until: str) -> None:
    """Run a command until it ends, or until it says something.

    Raises:
        RuntimeError: if it ends without having said that.
    """
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if until and until in line:
                process.terminate()
                process.communicate()
                return
        if process.wait() or until:
            raise RuntimeError(f"{' '.join(command)} did not do what was awaited:\n{''.join(said)}")
