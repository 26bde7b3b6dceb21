import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from kdops import process
from kdops.errors import UserError
from kdops.tracking import names, runs
from kdops.tracking.names import CHAMPION, PREVIOUS_CHAMPION, Role
from kdops.tracking.registry import champion, registered
from kdops.tracking.registry.champion import Words
from kdops.tracking.registry.registered import Version
from kdops.tracking.workarounds import claims

ROOT = Path(__file__).parents[3]
MODEL = "kdops-sample"
# Decides against the champion that there is, waits for the starting gun, and moves.
MOVER = """
import sys, time
from pathlib import Path
from kdops.errors import UserError
from kdops.tracking import runs
from kdops.tracking.registry import champion, registered

number, gun = int(sys.argv[1]), Path(sys.argv[2])
runs.connect()
(to,) = [version for version in registered.versions("sample") if version.number == number]
before = registered.find_version("sample", "champion")
print("decided", flush=True)
while not gun.exists():
    time.sleep(0.01)
try:
    champion.move(to, expected=before, tags={"kdops.promoted_by": f"process {number}"}, description="")
    print("won", flush=True)
except UserError as error:
    print(f"lost: {error}", flush=True)
"""


@pytest.fixture
def three_versions(connected: str, make_bundle: Callable[..., Path]) -> list[Version]:
    """Three versions of one model, which share their files: making one takes a second, registering none."""
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        registered.register(make_bundle(), run=run, corpus_name="sample", tags={}, description="first")
    client = MlflowClient()
    source = client.get_model_version(MODEL, "1").source
    for _ in range(2):
        client.create_model_version(MODEL, source, run_id=run.run_id)
    return registered.versions("sample")


def move(to: Version, expected: Version | None) -> None:
    others = [Words(expected, {"since": "then", "why": None}, "once")] if expected else []
    champion.move(to, expected=expected, tags={"why": "better"}, description="now", others=others)


def alias(name: str) -> int | None:
    return registered.alias_of(MODEL, name)


def test_the_one_before_becomes_the_previous_champion(three_versions: list[Version]) -> None:
    first, second, _ = three_versions
    move(first, None)
    assert (alias(CHAMPION), alias(PREVIOUS_CHAMPION)) == (1, None)
    move(second, first)
    assert (alias(CHAMPION), alias(PREVIOUS_CHAMPION)) == (2, 1)
    before, now, _ = registered.versions("sample")
    assert (now.tags["why"], now.description) == ("better", "now")
    assert (before.tags, before.description) == ({"since": "then"}, "once")


def test_nothing_moves_that_was_decided_against_another_champion(three_versions: list[Version]) -> None:
    first, second, third = three_versions
    move(first, None)
    move(second, first)
    with pytest.raises(UserError, match="changed from version 1 to version 2 while this was decided"):
        move(third, first)
    with pytest.raises(UserError, match="changed from none to version 2"):
        move(third, None)
    assert (alias(CHAMPION), alias(PREVIOUS_CHAMPION)) == (2, 1)
    assert "why" not in MlflowClient().get_model_version(MODEL, "3").tags


def test_no_claim_is_left_behind(three_versions: list[Version]) -> None:
    first, second, _ = three_versions
    move(first, None)
    with pytest.raises(UserError):
        move(second, None)
    assert [model.name for model in MlflowClient().search_registered_models()] == [MODEL]


def test_of_promotions_at_once_one_wins(three_versions: list[Version], tmp_path: Path) -> None:
    move(three_versions[0], None)
    gun = tmp_path / "gun"
    movers = [
        subprocess.Popen(
            [sys.executable, "-c", MOVER, str(number), str(gun)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for number in (2, 3)
    ]
    for mover in movers:
        assert mover.stdout is not None
        assert mover.stdout.readline() == "decided\n"
    gun.touch()
    said = {number: mover.communicate(timeout=60)[0] for number, mover in zip((2, 3), movers, strict=True)}
    (winner,) = [number for number, text in said.items() if text == "won\n"]
    (loser,) = set(said) - {winner}
    assert said[loser].startswith(f"lost: {MODEL}: the champion changed from version 1 to version {winner} while")
    assert (alias(CHAMPION), alias(PREVIOUS_CHAMPION)) == (winner, 1)
    assert MlflowClient().get_model_version(MODEL, str(winner)).tags[names.PROMOTED_BY] == f"process {winner}"
    assert names.PROMOTED_BY not in MlflowClient().get_model_version(MODEL, str(loser)).tags


@pytest.fixture(scope="module")
def dead() -> str:
    """The identity of a process that has ended."""
    identity = subprocess.run(
        [sys.executable, "-c", "from kdops.process import identity; print(identity())"],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert process.is_dead(identity)
    return identity


class TestLeftClaims:
    @staticmethod
    def leave(holder: str) -> None:
        tags = {names.PROCESS: holder, names.USER: "bob"}
        MlflowClient().create_registered_model(f"claim.{MODEL}", tags)

    def test_that_of_a_process_that_has_ended_is_taken_away(self, three_versions: list[Version], dead: str) -> None:
        self.leave(dead)
        move(three_versions[0], None)
        assert alias(CHAMPION) == 1
        assert [model.name for model in MlflowClient().search_registered_models()] == [MODEL]

    def test_that_of_a_process_that_lives_is_never_taken_away(self, three_versions: list[Version], dead: str) -> None:
        self.leave(process.identity())
        # As if it had been made since this process saw one of a dead process.
        claims._take_away(f"claim.{MODEL}")
        assert MlflowClient().get_registered_model(f"claim.{MODEL}").tags[names.USER] == "bob"

    def test_that_of_another_machine_is_named_with_the_way_out(
        self, three_versions: list[Version], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claims, "_PATIENCE_S", 0.2)
        self.leave("elsewhere:1:2")
        with pytest.raises(UserError) as caught:
            move(three_versions[0], None)
        said = str(caught.value)
        assert said.startswith("another promotion by bob (process elsewhere:1:2) does not finish; if it runs no more")
        assert "\n" not in said
        code = said.partition("python -c ")[2].strip('"')
        subprocess.run([sys.executable, "-c", code], check=True)
        move(three_versions[0], None)
        assert alias(CHAMPION) == 1

    def test_where_the_server_refuses_it_is_said_who_may_take_it_away(
        self, three_versions: list[Version], dead: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(client: MlflowClient, name: str) -> None:
            raise MlflowException("Permission denied", PERMISSION_DENIED)

        self.leave(dead)
        monkeypatch.setattr(mlflow.MlflowClient, "delete_registered_model", refuse)
        with pytest.raises(UserError) as caught:
            move(three_versions[0], None)
        said = str(caught.value)
        assert said.startswith(f"another promotion by bob (process {dead}) has ended without finishing it")
        assert "on a server with authentication only bob and the admin may: python -c" in said
        assert alias(CHAMPION) is None


def test_a_claim_that_was_sent_twice_is_the_senders_own(three_versions: list[Version]) -> None:
    tags = {"kdops.token": "mine"}
    assert claims._claim("claim.x", tags)
    assert claims._claim("claim.x", tags)
    assert not claims._claim("claim.x", {"kdops.token": "another's"})


def test_an_alias_that_was_set_by_hand_meanwhile_is_noticed(
    three_versions: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_alias = MlflowClient.set_registered_model_alias

    def by_hand_too(client: MlflowClient, name: str, alias: str, version: str) -> None:
        set_alias(client, name, alias, version)
        set_alias(client, name, alias, "3")

    monkeypatch.setattr(mlflow.MlflowClient, "set_registered_model_alias", by_hand_too)
    with pytest.raises(UserError, match="somebody set the champion to version 3 by other means"):
        move(three_versions[0], None)
