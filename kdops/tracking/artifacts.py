"""What runs and models have logged, copied to this machine."""

from pathlib import Path
from tempfile import TemporaryDirectory

from kdops.errors import UserError
from kdops.tracking import store


def fetch_folder(run_id: str, artifact_path: str, target: Path) -> Path:
    """Copy a logged folder to this machine: all of it or nothing.

    Args:
        run_id: The run that logged it.
        artifact_path: The name it was logged under.
        target: Where to put it; when that is there already, it is used as it is.

    Returns:
        The target.

    Raises:
        UserError: The run has no such folder, or no longer.
    """
    return download(f"runs:/{run_id}/{artifact_path}", target)


def download(uri: str, target: Path) -> Path:
    """Copy an artifact folder to `target`, all of it or nothing, unless it is there already; see `fetch_folder`."""
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        try:
            fetched = Path(mlflow.artifacts.download_artifacts(uri, dst_path=temporary))
        except (MlflowException, OSError) as error:
            raise UserError(f"cannot fetch {uri}: {store.one_line(error)}") from error
        try:
            fetched.rename(target)
        except OSError:
            # Another process was faster.
            if not target.exists():
                raise
    return target
