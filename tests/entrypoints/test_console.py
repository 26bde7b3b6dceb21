"""The console command `kdops`."""

from pathlib import Path

import pytest
import yaml

from entrypoints import console
from kdops import __version__

ROOT = Path(__file__).parents[2]


def test_its_commands_are_the_entry_points() -> None:
    project = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))
    assert set(console.COMMANDS) == set(project["entry_points"])


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_says_what_each_command_does(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    console.main(arguments)
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    named = [*console.COMMANDS, console.SERVE]
    assert [name for name, _ in (line for line in lines if len(line) == 2)][-len(named) :] == named


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    console.main(["--version"])
    assert capsys.readouterr().out == f"kdops {__version__}\n"


@pytest.mark.parametrize("name", ["list_datasets", "list-datasets"])
def test_a_command_gets_its_parameters(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        console.main([name, "--dataset", "terma"])
    assert end.value.code in (0, None)
    assert "terma" in capsys.readouterr().out


def test_an_unknown_command_is_told_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        console.main(["destill"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: unknown command 'destill'; choose one of: main, train_teacher")


def test_a_mistake_in_a_parameter_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        console.main(["list-datasets", "--dataset", "nowhere"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: unknown dataset 'nowhere'")


@pytest.mark.parametrize(("command", "package", "extra"), [("distill", "torch", "train"), ("serve", "orjson", "serve")])
def test_missing_packages_are_told(
    command: str, package: str, extra: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.importlib.util, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(SystemExit):
        console.main([command])
    assert capsys.readouterr().err == f"error: {package} is not installed: pip install 'kdops[{extra}]'\n"
