"""Gives somebody a name and a password on the team's server; the password is printed once.

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python server/add_user.py alice

It asks as the admin, whose name and password are MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or without
these `admin` and what server/tracking.sh left in KDOPS_SERVER_HOME/admin-password (~/kdops-server/admin-password).
"""

import os
import secrets
import sys
from pathlib import Path

_USAGE = "MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python server/add_user.py NAME"
_USERNAME, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


def main() -> None:
    """Make the user that the command line names."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if len(sys.argv) != 2 or not uri:
        sys.exit(f"error: {_USAGE}")
    _become_admin()
    _check(uri)
    name, password = sys.argv[1], secrets.token_urlsafe(12)
    _create(uri, name, password)
    print(f"export MLFLOW_TRACKING_URI={uri}")
    print(f"export {_USERNAME}={name}")
    print(f"export {_PASSWORD}={password}")


def _become_admin() -> None:
    if os.environ.get(_USERNAME) and os.environ.get(_PASSWORD):
        return
    file = Path(os.environ.get("KDOPS_SERVER_HOME", Path.home() / "kdops-server")) / "admin-password"
    try:
        password = file.read_text(encoding="utf-8")
    except OSError as error:
        sys.exit(f"error: no admin: set {_USERNAME} and {_PASSWORD} to the admin's ({file}: {error.strerror})")
    os.environ[_USERNAME], os.environ[_PASSWORD] = "admin", password


def _check(uri: str) -> None:
    from kdops.errors import UserError
    from kdops.tracking import server

    try:
        server.check(uri)
    except UserError as error:
        sys.exit(f"error: {error}")


def _create(uri: str, name: str, password: str) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.server import get_app_client

    client = get_app_client("basic-auth", uri)
    try:
        client.get_user(name)
        sys.exit(f"error: there is a user {name} already")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            sys.exit(f"error: {_reason(error)}")
    try:
        client.create_user(name, password)
    except MlflowException as error:
        sys.exit(f"error: {_reason(error)}")


def _reason(error: Exception) -> str:
    if getattr(error, "error_code", "") == "PERMISSION_DENIED":
        return (
            f"{os.environ[_USERNAME]} is not the admin: set {_USERNAME} and {_PASSWORD} to the admin's, or unset both"
        )
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
