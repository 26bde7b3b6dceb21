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


@pytest.mark.parametrize("option", ["--text_column", "--text-column", "--text_column=x"])
def test_options_may_have_underscores(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [option] if "=" in option else [option, "x"]
    with pytest.raises(SystemExit) as end:
        console.main(["pick", "--dataset", "terma", *given])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(
        "error: text_column=x is for data of your own; kdops knows how dataset 'terma' is read\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["distill", "--text-colum", "x"], "unknown option --text-colum; did you mean --text-column?"),
        (["distill", "--zzz", "x"], "unknown option --zzz; --help names them all"),
        (["distill", "--student"], "--student needs a value"),
        (["distill", "reviews.csv"], "'reviews.csv' belongs to no option: parameters are given as --name value"),
        (["export"], "--run-id must be given"),
        (["serve", "bundle", "--prt", "5"], "unknown option --prt; did you mean --port?"),
        (["serve", "bundle", "--poll_s", "0"], "argument --poll-s: '0' is not a whole number, at least 1"),
    ],
)
def test_a_mistake_in_an_option_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        console.main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err == f"error: {message}\n"


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
