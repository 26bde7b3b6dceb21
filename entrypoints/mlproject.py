"""Writes the entry points of `MLproject` from the programs: `python -m entrypoints.mlproject`, or `make mlproject`."""

import importlib
import json
import textwrap
from pathlib import Path

import typer
import typer.main

from .console import COMMANDS

MLPROJECT = Path(__file__).parents[1] / "MLproject"
_HEAD = """\
# Written by `make mlproject` from the parameters of the steps; `none` is no value, `auto` depends on the data.
name: kdops

conda_env: conda.yaml

entry_points:
"""
_WIDTH = 112


def text() -> str:
    """The whole file."""
    programs = {name: importlib.import_module(f"{__package__}.{name}").main for name in COMMANDS}
    return _HEAD + "\n".join(entry_point(name, program) for name, program in programs.items())


def entry_point(name: str, program: typer.Typer) -> str:
    """The part of one program: its parameters with their defaults, and the command that hands them on."""
    command = typer.main.get_command(program)
    options = [option for option in command.params if option.name != "help"]
    lines = [f"  # {(command.help or '').splitlines()[0]}", f"  {name}:", "    parameters:"]
    for option in options:
        default = "" if option.required else f", default: {json.dumps(option.default)}"
        lines.append(f"      {option.name}: {{type: string{default}}}")
    words = [f"--{str(option.name).replace('_', '-')}\0{{{option.name}}}" for option in options]
    called = textwrap.wrap(" ".join([f"python -m entrypoints.{name}", *words]), _WIDTH, break_on_hyphens=False)
    # An option and its value stay in one line.
    lines += ["    command: >-", *(f"      {line}" for line in called)]
    return "\n".join(lines).replace("\0", " ") + "\n"


if __name__ == "__main__":
    MLPROJECT.write_text(text(), encoding="utf-8")
