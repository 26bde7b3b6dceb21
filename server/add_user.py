"""Gives somebody a name and a password on the team's server; the password is printed once.

    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python server/add_user.py alice

It asks as the admin, whose password it finds in KDOPS_SERVER_HOME/admin-password (~/kdops-server/admin-password).
"""

import os
import secrets
import sys
from pathlib import Path


def main() -> None:
    """Make the user that the command line names."""
    if len(sys.argv) != 2 or "MLFLOW_TRACKING_URI" not in os.environ:
        sys.exit("error: MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python server/add_user.py NAME")
    home = Path(os.environ.get("KDOPS_SERVER_HOME", Path.home() / "kdops-server"))
    os.environ["MLFLOW_TRACKING_USERNAME"] = "admin"
    os.environ["MLFLOW_TRACKING_PASSWORD"] = (home / "admin-password").read_text(encoding="utf-8")
    from mlflow.exceptions import MlflowException
    from mlflow.server import get_app_client

    name, password = sys.argv[1], secrets.token_urlsafe(12)
    client = get_app_client("basic-auth", os.environ["MLFLOW_TRACKING_URI"])
    try:
        client.get_user(name)
        sys.exit(f"error: there is a user {name} already")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            sys.exit(f"error: {error}")
    try:
        client.create_user(name, password)
    except MlflowException as error:
        sys.exit(f"error: {error}")
    print(f"export MLFLOW_TRACKING_URI={os.environ['MLFLOW_TRACKING_URI']}")
    print(f"export MLFLOW_TRACKING_USERNAME={name}")
    print(f"export MLFLOW_TRACKING_PASSWORD={password}")


if __name__ == "__main__":
    main()
