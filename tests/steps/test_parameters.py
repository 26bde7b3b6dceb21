"""A parameter is written in one place, a field of a step's model; all that depends on it follows."""

import re
from pathlib import Path
from typing import Literal

import pytest
import yaml
from finished_runs import add_student, add_teacher
from typer.testing import CliRunner

from entrypoints import cli, distill, mlproject
from kdops.errors import UserError
from kdops.report.tables import budget_table
from kdops.steps.distill.config import DistillConfig
from kdops.steps.exam.config import GRID, ExamConfig
from kdops.steps.parameters import Names, Option, StepConfig, from_text, options, parameter
from kdops.tracking import names, runs
from kdops.tracking.results import read_results
from kdops.tracking.store import client


class Odd(DistillConfig):
    """The parameters of `distill`, and made-up ones."""

    oddness: int = parameter(7, "How odd the student is.", ge=1)
    helpers: int = parameter(2, "Hands that help, which changes nothing.", setting=False)


class TestAMadeUpParameter:
    def test_it_is_an_option_with_its_default(self) -> None:
        given: list[Odd] = []
        program = cli.program(lambda **text: given.append(cli.settings(Odd, **text)), options(Odd))
        shown = " ".join(CliRunner().invoke(program, ["--help"]).stdout.split())
        assert "--oddness INTEGER How odd the student is. [default: 7]" in shown
        for arguments in ([], ["--oddness", "9"], ["--oddness", "default"]):
            assert CliRunner().invoke(program, arguments).exit_code == 0
        assert [config.oddness for config in given] == [7, 9, 7]
        wrong = CliRunner().invoke(program, ["--oddness", "0"])
        assert (wrong.exit_code, wrong.stderr) == (
            2,
            "error: oddness=0: Input should be greater than or equal to 1\n",
        )

    def test_it_is_in_mlproject(self) -> None:
        program = cli.program(distill.distill, options(Odd))
        (found,) = yaml.safe_load(mlproject.entry_point("distill", program)).values()
        assert found["parameters"]["oddness"] == {"type": "string", "default": "7"}
        assert "--oddness {oddness}" in found["command"]

    def test_it_is_in_the_exam(self) -> None:
        assert "oddness" in [one.name for one in options(Odd, leave_out=GRID)]

    @pytest.mark.usefixtures("tracking_uri")
    def test_it_is_logged_and_seeds_that_differ_in_it_are_not_averaged(self) -> None:
        teacher = add_teacher("emot")
        for seed, oddness, helpers in ((1, 7, 1), (2, 8, 1), (3, 8, 9)):
            config = Odd(seed=seed, oddness=oddness, helpers=helpers, trials=5, epochs=3)
            run = runs.Run(add_student("emot", teacher, seed=seed, trials=1))
            logged = {names.CONFIG_PREFIX + name: value for name, value in config.model_dump().items()}
            run.params({name: value for name, value in logged.items() if name not in run_params(run)})
            run.tags({names.SETTINGS: ",".join(config.settings())})
        assert run_params(run)["cfg.oddness"] == "8"
        results = read_results()
        assert sorted(results.students["seed"]) == [2, 3]
        assert "1 run of other seeds with other settings than the newest is left out" in results.notes["emot"]
        (row,) = budget_table(results).rows
        assert (row["oddness"], row["teacher_epochs"]) == ("8", "10")
        assert not {"helpers", "seed", "unlabeled"} & set(row)


def run_params(run: runs.Run) -> dict[str, str]:
    params: dict[str, str] = client().get_run(run.run_id).data.params
    return params


class Kinds(StepConfig):
    """A parameter of each kind."""

    needed: str = parameter(..., "Must be given.")
    choice: Literal["one", "two"] = parameter("one", "Of two.")
    share: float | None = parameter(None, "None where it depends.", gt=0)
    limit: float | None = parameter(None, "None where it is off.", shown="none")
    yes: bool = parameter(True, "Or no.")
    place: Path = parameter(Path("here"), "A place.")
    some: Names = parameter(("a", "b"), "Names.")
    rate: float = parameter(1e-5, "A rate.")


def test_what_options_say_follows_from_types_and_defaults() -> None:
    assert options(Kinds) == [
        Option("needed", "Must be given.", "TEXT", None),
        Option("choice", "Of two.", "one|two", "one"),
        Option("share", "None where it depends.", "NUMBER", "auto"),
        Option("limit", "None where it is off.", "NUMBER", "none"),
        Option("yes", "Or no.", "true|false", "true"),
        Option("place", "A place.", "PATH", "here"),
        Option("some", "Names.", "TEXT", "a,b"),
        Option("rate", "A rate.", "NUMBER", "1e-05"),
    ]


def test_what_is_shown_is_read_back_as_the_default() -> None:
    shown = {one.name: one.default for one in options(Kinds) if one.default is not None}
    assert from_text(Kinds, {"needed": "x", **shown}) == Kinds(needed="x")
    every = {"choice": "two", "share": "0.5", "limit": "2", "yes": "false", "place": "there", "some": "c", "rate": "1"}
    assert from_text(Kinds, {"needed": "x", **every}) == Kinds(
        needed="x", choice="two", share=0.5, limit=2.0, yes=False, place=Path("there"), some=("c",), rate=1.0
    )


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, "needed must be given"),
        ({"needed": "x", "choice": "three"}, "unknown choice 'three'; choose one of: one, two"),
        ({"needed": "x", "share": "-1"}, "share=-1: Input should be greater than 0"),
        ({"needed": "x", "limit": "nan"}, "limit=nan: Input should be a finite number"),
        (
            {"needed": "x", "limit": "1ms"},
            "limit=1ms: Input should be a valid number, unable to parse string as a number, or none",
        ),
        (
            {"needed": "x", "nothing": "1"},
            "unknown parameter nothing; choose one of: needed, choice, share, limit, yes, place, some, rate",
        ),
    ],
)
def test_a_wrong_value_is_one_line(given: dict[str, str], line: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(line)}$"):
        from_text(Kinds, given)


def test_settings_of_distill() -> None:
    assert set(DistillConfig.model_fields) - set(DistillConfig.settings()) == {
        *("dataset", "name", "text_column", "label_column", "scheme", "task", "separator", "drop_leaks"),
        *("seed", "teacher_seed", "storage", "workers", "cost_rounds", "force", "system_metrics"),
        *("max_latency_p95_ms", "max_ram_mb", "max_storage_mb"),
    }


def test_a_preset_fills_in_what_is_not_given() -> None:
    given = {one.name: one.default for one in options(ExamConfig)}
    assert from_text(ExamConfig, given) == ExamConfig()
    paper = from_text(ExamConfig, given | {"preset": "paper", "datasets": "emot"})
    assert (paper.datasets, len(paper.students), len(paper.recipes)) == (("emot",), 5, 5)
