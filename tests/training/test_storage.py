"""Where studies are kept: a database of Optuna's own, which is left alone when it is somebody else's."""

import sqlite3
from pathlib import Path

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from kdops.errors import UserError
from kdops.training.storage import open_storage


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as database:
        return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}


def test_a_new_storage_is_made_and_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    open_storage(url)
    assert "studies" in tables(tmp_path / "optuna.db")
    open_storage(url)


def test_the_database_of_mlflow_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", str(tmp_path / "artifacts"))
    before = tables(path)
    with pytest.raises(UserError) as caught:
        open_storage(f"sqlite:///{path}")
    assert str(caught.value) == (
        f"the Optuna storage 'sqlite:///{path}' is the database of MLflow; "
        "give one of its own, such as storage=sqlite:///optuna.db"
    )
    assert tables(path) == before


@pytest.mark.parametrize(
    "url", ["nonsense", "sqlite:////no/such/folder/optuna.db", "postgresql://me:secret@localhost:1/a"]
)
def test_what_cannot_be_opened_is_one_line_without_a_password(url: str) -> None:
    with pytest.raises(UserError, match=r"^the Optuna storage '.*' cannot be opened: ") as caught:
        open_storage(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
