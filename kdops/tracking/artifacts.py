"""The files of runs and models: errors of writing them, and copying them to this machine."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from kdops.errors import UserError
from kdops.tracking import server, store

_THROUGH_SERVER = "mlflow-artifacts:"


@contextlib.contextmanager
def written(run_id: str, what: str) -> Iterator[None]:
    """A block that writes files of a run: an error names the folder, or the server, that did not take them.

    Raises:
        OSError: They could not be written.
        Stopped: The tracking store went away.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        with store.answering():
            yield
    except (MlflowException, OSError) as error:
        place, reason = store.client().get_run(run_id).info.artifact_uri, server.reason(error)
        if place.startswith(_THROUGH_SERVER):
            # It keeps to itself what went wrong there.
            place = f"{place} of tracking server {mlflow.get_tracking_uri()}"
            reason += "; is the disk of its artifacts full?"
        raise OSError(f"cannot write {what} to {place}: {reason}") from error


def fetch(run_id: str, artifact_path: str, target: Path) -> Path:
    """Copy a logged file or folder to this machine: all of it or nothing.

    Args:
        run_id: The run that logged it.
        artifact_path: The name it was logged under.
        target: Where to put it; when that is there already, it is used as it is.

    Returns:
        The target.

    Raises:
        UserError: The run has no such file or folder, or no longer.
    """
    return download(f"runs:/{run_id}/{artifact_path}", target)


def download(uri: str, target: Path) -> Path:
    """Copy an artifact to `target`, all of it or nothing, unless it is there already; see `fetch`."""
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
