"""Fetch a model's bundle and try it: `python -m kdops.tracking.registry.fetch MODEL FOLDER`.

Run in a process of its own, whose memory goes away with it. It writes the bundle's folder to standard output, and what
went wrong, one line, to standard error. From a tracking server it needs nothing but what serving needs; MLflow only
where the registry is a database, or the model's files are in a store that the server does not hand out.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path

from kdops.errors import UserError
from kdops.tracking.registry.rest import NotProxied, Server

_REGISTERED = "models:/"
_NAMED = re.compile(_REGISTERED + r"([^/@]+)(?:@([^/@]+)|/(\d+))")
_ADDRESSES = ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI")


def server() -> Server | None:
    """The tracking server that the environment names; None: the registry is a database."""
    address = next((os.environ[name] for name in _ADDRESSES if os.environ.get(name)), "")
    return Server(address) if address.startswith(("http://", "https://")) else None


def is_registered(uri: str) -> bool:
    """Whether an address is one of a registered model, not a folder."""
    return uri.startswith(_REGISTERED)


def alias_of(uri: str) -> tuple[str, str] | None:
    """The registered model and the alias that an address of MLflow names; None when it names no alias."""
    named = _NAMED.fullmatch(uri)
    return (named[1], named[2]) if named and named[2] else None


def fetch(uri: str, folder: Path) -> Path:
    """Fetch and try a bundle.

    Args:
        uri: Of a registered model, as MLflow writes it: `models:/kdops-sample@champion`, `models:/kdops-sample/3`; or a
            bundle's own folder.
        folder: Where it is put, if it is not kept on this machine already; not there yet.

    Returns:
        The bundle's folder.

    Raises:
        UserError: There is no such model, or it cannot be had, or it is not what was written.
    """
    from kdops.deploy.predictor import BundleError, Predictor

    bundle = _registered(uri, folder) if is_registered(uri) else Path(uri).absolute()
    try:
        Predictor.load(bundle).predict([""])
    except BundleError as error:
        raise UserError(str(error)) from error
    return bundle


def _registered(uri: str, folder: Path) -> Path:
    asked, named = server(), _NAMED.fullmatch(uri)
    if asked and named:
        model, alias, number = named.groups()
        try:
            return asked.download_bundle(model, number or asked.version(model, alias), folder)
        except NotProxied as error:
            _need_mlflow(str(error))
    else:
        _need_mlflow(f"{uri} is not a version or an alias on a tracking server")
    from kdops.tracking.registry.bundles import download_bundle

    return download_bundle(uri)


def _need_mlflow(reason: str) -> None:
    if importlib.util.find_spec("mlflow") is None:
        raise UserError(f"{reason}: pip install 'kdops[train]', or set MLFLOW_TRACKING_URI to a server")


def main() -> None:
    """Fetch what the arguments name."""
    uri, folder = sys.argv[1:]
    try:
        print(fetch(uri, Path(folder)))  # noqa: T201 - the answer
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
