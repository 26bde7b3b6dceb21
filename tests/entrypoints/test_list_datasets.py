"""The catalogue printed: quick, complete, and one line for a wrong name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from entrypoints.list_datasets import main
from kdops.data.catalog import CATALOG

ROOT = Path(__file__).parents[2]
SCRIPT = """\
import atexit, json, runpy, sys, time
heavy = {"torch", "mlflow", "transformers", "datasets", "optuna", "sklearn", "pandas", "openpyxl"}
atexit.register(lambda: print(json.dumps([time.process_time(), sorted(heavy & set(sys.modules))])))
sys.argv = ["list_datasets"]
runpy.run_module("entrypoints.list_datasets", run_name="__main__")
"""


def output(*arguments: str) -> list[str]:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_table_has_a_line_for_each_that_fits_a_terminal() -> None:
    header, _, *lines, _, hint = output()
    assert header.split() == [
        *("dataset", "task", "classes", "train", "validation", "test", "main", "metric", "licence")
    ]
    assert hint == "One in full, with its notes: dataset=NAME"
    assert max(map(len, lines)) <= 120
    assert [line.split()[0] for line in lines] == list(CATALOG)
    assert lines[2].split() == [*("smsa", "text-classification", "3", "11000", "1260", "500", "f1_macro", "Apache-2.0")]


def test_nothing_is_downloaded_and_nothing_heavy_imported(kdops_home: Path) -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    cpu_seconds, imported = json.loads(done.stdout.splitlines()[-1])
    assert imported == []
    assert cpu_seconds < 1.5
    assert not kdops_home.exists()


@pytest.mark.parametrize("name", CATALOG)
def test_one_card_in_full(name: str) -> None:
    card = CATALOG[name]
    words = " ".join(output("--dataset", name)).split()
    shown = " ".join(words)
    assert words[:2] == ["dataset", name]
    for text in (", ".join(card.labels), card.licence, card.citation, card.default_teacher, *card.notes):
        assert text in shown
    assert shown.count("https://github.com/") == len(card.files if card.public else [])
    assert ("made here validation and test, from the one file there is" in shown) == (len(card.files) == 1)


def test_unknown_name() -> None:
    done = CliRunner().invoke(main, ["--dataset", "smss"])
    assert done.exit_code == 2
    assert done.stderr == f"error: unknown dataset 'smss'; choose one of: {', '.join(CATALOG)}\n"
