"""The MLflow that these files were tried with, and what is said where another one does otherwise."""

from importlib import metadata

TESTED = "3.17"


def is_newer() -> bool:
    """Whether the MLflow that is installed is newer than the one that was tried."""
    return _minor(metadata.version("mlflow")) > _minor(TESTED)


def differs(what: str) -> str:
    """A line that says what MLflow did, and with which one it would have been otherwise."""
    return (
        f"MLflow {metadata.version('mlflow')} {what} (kdops was tried with {TESTED}: pip install 'mlflow~={TESTED}.0')"
    )


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
