"""The files of the team's server that can be tried without one: compose.yaml and server/add_user.py."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
ADMIN = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "secret"}
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


class TestCompose:
    def test_it_has_the_database_and_the_server_that_waits_for_it(self) -> None:
        assert set(COMPOSE["services"]) == {"database", "tracking"}
        assert service("tracking")["depends_on"] == {"database": {"condition": "service_healthy"}}
        named = {config["source"] for name in COMPOSE["services"] for config in service(name)["configs"]}
        assert named == set(COMPOSE["configs"])

    def test_it_is_reached_from_its_own_machine_only(self) -> None:
        ports = {name: service(name)["ports"] for name in COMPOSE["services"]}
        assert ports == {"database": ["127.0.0.1:5433:5432"], "tracking": ["127.0.0.1:5000:5000"]}

    def test_it_is_healthy_when_the_last_database_is_there(self) -> None:
        """By TCP: while the databases are made, PostgreSQL listens on its socket only."""
        made = re.findall(r"create database (\w+);", COMPOSE["configs"]["databases"]["content"])
        script = (ROOT / "server" / "database.sh").read_text(encoding="utf-8")
        assert f"databases=(mlflow {' '.join(made)})" in script
        kind, command = service("database")["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        assert "psql --host=127.0.0.1 " in command
        assert f"--dbname={made[-1]} " in command

    def test_its_variables_are_documented(self) -> None:
        section = (ROOT / "docs" / "server.md").read_text(encoding="utf-8").split("## With Docker")[1]
        read = set(_VARIABLE.findall(TEXT))
        assert {"POSTGRES_PASSWORD", "ADMIN_PASSWORD", "SECRET_KEY", "KDOPS_SERVER_NAMES"} <= read
        assert [name for name in read if f"`{name}`" not in section] == []

    def test_its_users_are_those_of_the_other_way(self) -> None:
        script = (ROOT / "server" / "tracking.sh").read_text(encoding="utf-8")
        other = script.partition("<<INI\n")[2].partition("INI\n")[0]
        here = COMPOSE["configs"]["auth"]["content"]
        assert _settings(here) == _settings(other)

    @pytest.mark.parametrize(
        ("names", "more"),
        [("", []), ("a.org,b.org", ["a.org", "a.org:*", "b.org", "b.org:*"]), ("*.org", ["*.org", "*.org:*"])],
    )
    def test_people_reach_it_by_more_names(self, names: str, more: list[str], tmp_path: Path) -> None:
        shell, options, script = service("tracking")["command"]
        for program in ("pip", "mlflow"):
            (tmp_path / program).write_text(f"#!/bin/sh\necho {program}; printf '%s\\n' \"$@\"\n", encoding="utf-8")
            (tmp_path / program).chmod(0o755)
        (tmp_path / "file.org").touch()  # which the pattern of a name is not about
        done = subprocess.run(
            [shell, options, script.replace("$$", "$")],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "KDOPS_SERVER_NAMES": names, "KDOPS_SERVER_WORKERS": "3"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        arguments = done.stdout.split("\nmlflow\n")[1].splitlines()
        given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        allowed = ["localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*", *more]
        assert (given["--allowed-hosts"].split(","), given["--workers"]) == (allowed, "3")


def _settings(text: str) -> dict[str, str]:
    lines = (line.partition(" = ") for line in text.splitlines())
    return {name: value for name, _, value in lines if name != "database_uri"}


class TestAddUser:
    def test_a_server_that_is_not_there_is_one_line(self, tmp_path: Path) -> None:
        done = self.add("http://127.0.0.1:1", tmp_path, **ADMIN)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: tracking server http://127.0.0.1:1 does not answer (")

    @pytest.mark.parametrize("given", [{}, {"MLFLOW_TRACKING_USERNAME": "admin"}], ids=["nothing", "a name only"])
    def test_without_the_password_of_the_admin_it_says_where_to_put_it(
        self, given: dict[str, str], tmp_path: Path
    ) -> None:
        done = self.add("http://127.0.0.1:1", tmp_path, **given)
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            "error: no admin: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to the admin's "
            f"({tmp_path / 'admin-password'}: No such file or directory)"
        ]

    @staticmethod
    def add(uri: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KDOPS_", "MLFLOW_"))}
        paths = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH", "")]))
        settings = {"PYTHONPATH": paths, "MLFLOW_TRACKING_URI": uri, "KDOPS_SERVER_HOME": str(home)}
        return subprocess.run(
            [sys.executable, ROOT / "server" / "add_user.py", "alice"],
            env=kept | settings | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
