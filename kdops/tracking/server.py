"""Does the tracking store answer? Asked once and quickly, since MLflow itself would retry for minutes."""

from pathlib import Path

from kdops.errors import UserError

_TIMEOUT_S = 4
_DATABASE_TIMEOUT_S = 30
"""A server that has just started listens at once, but its first query to the database takes a while."""

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_NEEDS_DATABASE = "/api/2.0/mlflow/experiments/search?max_results=1"
_UNAUTHORIZED = 401
_SERVER_ERROR = 500
_EXAMPLES = "http://host:5000, sqlite:///mlflow.db or postgresql://user@host/name"


def check(uri: str) -> None:
    """Make sure that a tracking store can be used.

    Args:
        uri: Where runs are kept, as in `MLFLOW_TRACKING_URI`.

    Raises:
        UserError: The address is none that kdops can use, nothing answers there within a few seconds, or it refuses the
            user's name or password.
    """
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme in ("http", "https"):
        _check_server(uri)
    elif scheme in _DATABASES:
        _check_database(uri)
    elif scheme == "file" or "://" not in uri:
        raise UserError(
            f"tracking uri {uri!r} is neither a server nor a database: use {_EXAMPLES} "
            "(runs in a folder are MLflow's old format; `mlflow migrate-filestore` converts them)"
        )
    elif not scheme.startswith("databricks"):
        raise UserError(f"tracking uri {uri!r}: unknown scheme {scheme!r}; use {_EXAMPLES}")


def _check_server(uri: str) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    # MLflow's own request, so that its settings for certificates, passwords and proxies hold here too.
    # Another refusal than of the password will do as well: it comes from something that is there.
    try:
        credentials = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
        for question, timeout_s in (("/health", _TIMEOUT_S), (_NEEDS_DATABASE, _DATABASE_TIMEOUT_S)):
            answer = http_request(  # type: ignore[no-untyped-call]
                credentials, question, "GET", max_retries=0, timeout=timeout_s, raise_on_status=False
            )
    except MlflowException as error:
        raise UserError(f"tracking server {uri} does not answer ({reason(error)}): is it running?") from error
    if answer.status_code == _UNAUTHORIZED:
        raise UserError(
            f"tracking server {uri} refuses your name or password (status {_UNAUTHORIZED}): "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to what its admin gave you"
        )
    if answer.status_code >= _SERVER_ERROR:
        raise UserError(
            f"tracking server {uri} does not answer (status {answer.status_code}): is its database running?"
        )


def _check_database(uri: str) -> None:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        url = sqlalchemy.make_url(uri)
    except ArgumentError as error:
        raise UserError(f"tracking uri {uri!r} cannot be read as the address of a database; use {_EXAMPLES}") from error
    connect_args = {} if url.get_backend_name() in ("sqlite", "mssql") else {"connect_timeout": _TIMEOUT_S}
    try:
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)  # as MLflow does
        engine = sqlalchemy.create_engine(url, connect_args=connect_args)
        try:
            # Reading the list of tables also finds a file that is no database.
            sqlalchemy.inspect(engine).get_table_names()
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError, OSError) as error:
        place = url.render_as_string(hide_password=True)
        raise UserError(f"tracking database {place} cannot be used: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The innermost cause of an error, in one line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
