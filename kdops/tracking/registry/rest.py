"""A registered model over MLflow's REST API, by the standard library alone: what a machine that only serves needs.

Importing MLflow would take seconds and 200 MB there, and installing it more than all that serving needs together.
"""

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from kdops.errors import UserError

_API = "api/2.0"
_TIMEOUT_S = 30
_PROXIED = "mlflow-artifacts"


class NotProxied(UserError):
    """The server does not hand out the files of its models, which are in a store that only MLflow's client reads."""


class Server:
    """A tracking server, asked as `MLFLOW_TRACKING_USERNAME` and `_PASSWORD`, or with `MLFLOW_TRACKING_TOKEN`.

    Every method raises UserError, one line, when the server does not answer or refuses.

    Args:
        address: As `MLFLOW_TRACKING_URI` has it: http:// or https://.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def version(self, model: str, alias: str) -> str:
        """The number of the version that an alias names."""
        found = self._json("mlflow/registered-models/alias", name=model, alias=alias)
        return str(found["model_version"]["version"])

    def download_bundle(self, model: str, version: str, folder: Path) -> Path:
        """Fetch the bundle of a version.

        Args:
            model: Name of the registered model.
            version: Its number.
            folder: Where it is put; not there yet.

        Returns:
            The folder.

        Raises:
            NotProxied: The files are in a store that the server does not hand out.
        """
        from kdops.deploy.predictor import INFO_FILE

        found = self._json("mlflow/model-versions/get-download-uri", name=model, version=version)
        address = urllib.parse.urlsplit(found["artifact_uri"])
        if address.scheme != _PROXIED:
            raise NotProxied(f"version {version} of {model} is at {found['artifact_uri']}, which takes MLflow to read")
        files = list(self._below(PurePosixPath(address.path.lstrip("/"))))
        homes = [file.parent for file in files if file.name == INFO_FILE]
        if not homes:
            raise UserError(f"version {version} of {model} carries no kdops bundle")
        folder.mkdir(parents=True)
        for file in files:
            if file.parent == homes[0]:
                self._save(file, folder / file.name)
        return folder

    def _below(self, folder: PurePosixPath) -> Iterator[PurePosixPath]:
        listed = self._json("mlflow-artifacts/artifacts", path=str(folder))
        for entry in listed.get("files", []):
            path = folder / PurePosixPath(entry["path"]).name
            if entry.get("is_dir"):
                yield from self._below(path)
            else:
                yield path

    def _save(self, file: PurePosixPath, target: Path) -> None:
        with (
            self._open(f"mlflow-artifacts/artifacts/{urllib.parse.quote(str(file))}") as answer,
            target.open("wb") as to,
        ):
            while part := answer.read(1 << 20):
                to.write(part)

    def _json(self, endpoint: str, /, **query: str) -> dict[str, Any]:
        with self._open(f"{endpoint}?{urllib.parse.urlencode(query)}") as answer:
            content: dict[str, Any] = json.loads(answer.read())
        return content

    def _open(self, endpoint: str) -> Any:
        request = urllib.request.Request(f"{self._address}/{_API}/{endpoint}", headers=_credentials())
        try:
            return urllib.request.urlopen(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            raise UserError(f"{self._address} answers {error.code}: {_reason(error)}") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{self._address} does not answer: {error}") from error


def _credentials() -> dict[str, str]:
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if name := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{name}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])[:200]
    except (ValueError, KeyError, TypeError, OSError):
        return error.reason
