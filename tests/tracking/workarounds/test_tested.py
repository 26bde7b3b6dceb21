import re
from pathlib import Path

import mlflow
import pytest
from finished_runs import add_student, add_teacher
from mlflow import MlflowClient

from kdops.errors import UserError
from kdops.tracking import places
from kdops.tracking.workarounds import claims, tested

ROOT = Path(__file__).parents[3]


def test_the_mlflow_that_was_tried_is_the_pinned_one() -> None:
    """Whoever pins another one looks at the tests of this folder, and then raises it here."""
    (pinned,) = re.findall(r"^mlflow==(\d+\.\d+)\.", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    assert pinned == tested.TESTED


@pytest.mark.parametrize(("installed", "newer"), [("3.17.9", False), ("3.18.0", True), ("4.0", True), ("3.9.1", False)])
def test_which_one_is_newer(installed: str, newer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested.metadata, "version", lambda name: installed)
    assert tested.is_newer() is newer


def test_a_claim_rests_on_names_that_are_given_once(connected: str) -> None:
    MlflowClient().create_registered_model("claim.x")
    with pytest.raises(mlflow.MlflowException) as refused:
        MlflowClient().create_registered_model("claim.x")
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_an_mlflow_that_gives_a_name_twice_is_named(connected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MlflowClient().create_registered_model("claim.x", {"kdops.token": "another's"})
    monkeypatch.setattr(MlflowClient, "create_registered_model", lambda *given: None)
    with (
        pytest.raises(
            UserError, match=r"^MLflow \S+ let two make the registered model claim.x, .*tried with 3\."
        ) as said,
        claims.claimed("x"),
    ):
        pass
    assert "\n" not in str(said.value)


def test_the_link_to_charts_says_where_it_was_not_tried(connected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    students = {"emot": [add_student("emot", add_teacher("emot"), trials=1)]}
    monkeypatch.setattr(tested, "TESTED", "99.0")
    assert "may open" not in places.how_to_look(students)
    monkeypatch.setattr(tested, "TESTED", "3.1")
    assert places.how_to_look(students).endswith("(made for MLflow 3.1: a newer one may open the list of runs)")
