"""MLproject and the programs that it starts: the same parameters, with the same defaults, each handed on."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from entrypoints import cli, mlproject
from entrypoints.console import SERVE
from kdops.steps.distill.config import DistillConfig
from kdops.steps.promote.config import PromoteConfig
from kdops.steps.teacher.config import TeacherConfig

ROOT = Path(__file__).parents[2]
ENTRY_POINTS: Mapping[str, Any] = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]
CONFIGS = {"main": DistillConfig, "distill": DistillConfig, "train_teacher": TeacherConfig, "promote": PromoteConfig}


def defaults_in_mlproject(name: str) -> dict[str, str]:
    return {parameter: str(facts.get("default")) for parameter, facts in ENTRY_POINTS[name]["parameters"].items()}


def test_it_is_what_the_parameters_say() -> None:
    assert mlproject.MLPROJECT.read_text(encoding="utf-8") == mlproject.text(), "run `make mlproject`"


def test_every_program_is_an_entry_point() -> None:
    programs = {path.stem for path in (ROOT / "entrypoints").glob("*.py")} - {
        "__init__",
        "cli",
        "console",
        "mlproject",
        SERVE,
    }
    assert set(ENTRY_POINTS) == programs


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_its_parameters_are_the_options_of_its_program(name: str) -> None:
    command = typer.main.get_command(importlib.import_module(f"entrypoints.{name}").main)
    options = {str(option.name): str(option.default) for option in command.params if option.name != "help"}
    given = defaults_in_mlproject(name)
    assert list(given) == list(options)
    assert given == options
    if name in CONFIGS:
        assert cli.settings(CONFIGS[name], **given) == CONFIGS[name]()
        assert cli.settings(CONFIGS[name], **dict.fromkeys(given, "default")) == CONFIGS[name]()


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_its_command_hands_on_each_parameter_by_its_name(name: str) -> None:
    head, *rest = ENTRY_POINTS[name]["command"].split(" --")
    assert head == f"python -m entrypoints.{name}"
    assert rest == [f"{parameter.replace('_', '-')} {{{parameter}}}" for parameter in defaults_in_mlproject(name)]
