"""Lets `mlflow run .` of this project work without conda, in the environment that kdops is installed in.

The project's `conda_env` makes MLflow look for conda, and MLflow has no setting for another default. It does have two
public interfaces: each process that imports it makes the `mlflow.run_context_provider` plugins, and it takes the home
of conda from `MLFLOW_CONDA_HOME`. So where there is no conda, and only there, that variable is set to the folder
`conda/` beside this file. Its `bin/conda` accepts this project's own conda.yaml, says in one line that the current
environment is used, and refuses any other. `KDOPS_CONDA_FALLBACK=0` turns all of this off.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

SWITCH = "KDOPS_CONDA_FALLBACK"
PYTHON = "KDOPS_CONDA_FALLBACK_PYTHON"
CONDA_HOME = Path(__file__).with_name("conda")

# Any of these says that the user has a conda and where.
_CONDA_SETTINGS = ("MLFLOW_CONDA_HOME", "MLFLOW_CONDA_CREATE_ENV_CMD", "CONDA_EXE")


def conda_is_missing() -> bool:
    """Whether MLflow would find no conda, neither on the PATH nor through the environment."""
    return not any(name in os.environ for name in _CONDA_SETTINGS) and shutil.which("conda") is None


class CondaFallback:
    """An MLflow run context provider that adds no tags: MLflow making it at start-up is what it is for.

    It has the methods of `mlflow.tracking.context.abstract_context.RunContextProvider` and does not derive from it,
    since MLflow is still half imported when it loads its plugins.
    """

    def __init__(self) -> None:
        home = str(CONDA_HOME)
        # MLflow puts the path into a shell command without quotes, so one with a space in it could not work.
        works = shlex.quote(home) == home
        if works and os.environ.get(SWITCH, "").lower() not in {"0", "off"} and conda_is_missing():
            os.environ["MLFLOW_CONDA_HOME"] = home
            os.environ[PYTHON] = sys.executable

    def in_context(self) -> bool:
        """Never: there are no tags to add."""
        return False

    def tags(self) -> dict[str, str]:
        """No tags."""
        return {}
