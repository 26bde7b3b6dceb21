"""A tracking store, a home and tiny data sets of a test's own, and the commands that work there."""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.entities import Run

ROOT = Path(__file__).parents[2]
_FILLERS = ("makanan", "pelayanan", "tempat", "sangat", "di", "sini", "saya", "hari")
_OPINIONS = {"positive": ("bagus", "enak", "ramah", "mantap"), "negative": ("buruk", "lambat", "kotor", "mahal")}
_NAMES = ("Budi", "Siti", "Bandung", "Medan")


@dataclass(frozen=True)
class Place:
    """Where a test works; made by the fixtures `text_place` and the like."""

    folder: Path

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def home(self) -> Path:
        return self.folder / "kdops-home"

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables that say where to work."""
        return {"MLFLOW_TRACKING_URI": self.tracking_uri, "KDOPS_HOME": str(self.home)}

    @property
    def environment(self) -> dict[str, str]:
        """This Python first on the PATH, and no conda, which would make an environment of its own."""
        kept = {name: value for name, value in os.environ.items() if "CONDA" not in name}
        folders = [folder for folder in kept["PATH"].split(os.pathsep) if not (Path(folder) / "conda").exists()]
        kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), *folders])
        # MLflow captures what conda says when it believes itself under test.
        kept.pop("PYTEST_CURRENT_TEST", None)
        return kept | self.settings

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(tracking_uri=self.tracking_uri)

    def mlflow_run(
        self, entry_point: str, *, env_manager: str | None = "local", **parameters: object
    ) -> subprocess.CompletedProcess[str]:
        """`mlflow run . -e ENTRY_POINT -P name=value ...` of this project; it must succeed."""
        command = [sys.executable, "-m", "mlflow", "run", ".", "-e", entry_point]
        command += ["--env-manager", env_manager] if env_manager else []
        for name, value in parameters.items():
            command += ["-P", f"{name}={value}"]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=280
        )
        assert done.returncode == 0, done.stderr
        return done

    def start(self, entry_point: str, log: Path, **parameters: object) -> subprocess.Popen[bytes]:
        """Start `python -m entrypoints.ENTRY_POINT --name value ...`; all that it says goes to a file."""
        command = [sys.executable, "-m", f"entrypoints.{entry_point}", *options(**parameters)]
        with log.open("wb") as sink:
            # MLflow puts the artifacts of new experiments below the working folder.
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment | {"PYTHONPATH": str(ROOT)}, stdout=sink, stderr=sink
            )

    def runs(self, role: str | None = None) -> list[Run]:
        """All runs, or those of a role, oldest first."""
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        wanted = f"tags.`kdops.role` = '{role}'" if role else ""
        return list(self.client.search_runs(experiments, wanted, order_by=["attributes.start_time ASC"]))

    def children(self, run: Run) -> list[Run]:
        """The runs right below a run, oldest first."""
        return [other for other in self.runs() if other.data.tags.get("mlflow.parentRunId") == run.info.run_id]


def make_place(folder: Path, tracking_template: Path) -> Place:
    """A place whose tracking database is there already, since MLflow takes seconds to make one."""
    shutil.copyfile(tracking_template, folder / "mlflow.db")
    return Place(folder)


def options(**parameters: object) -> list[str]:
    """Parameters as the options of a program."""
    return [part for name, value in parameters.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def write_jsonl(path: Path, rows: Iterator[dict[str, object]] | list[dict[str, object]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def write_reviews(folder: Path, *, train: int = 64, held_out: int = 30, unlabeled: int = 30) -> Path:
    """Texts of two classes, no two alike."""
    drawn = random.Random(0)
    folder.mkdir()

    def row(number: int) -> dict[str, object]:
        label = drawn.choice(sorted(_OPINIONS))
        words = drawn.choices(_FILLERS, k=5) + drawn.choices(_OPINIONS[label], k=2)
        drawn.shuffle(words)
        return {"text": f"{' '.join(words)} {number}", "label": label}

    first = 0
    for split, rows in (("train", train), ("validation", held_out), ("test", held_out), ("unlabeled", unlabeled)):
        texts = [row(first + number) for number in range(rows)]
        if split == "unlabeled":
            texts = [{"text": text["text"]} for text in texts]
        write_jsonl(folder / f"{split}.jsonl", texts)
        first += rows
    return folder


def write_csv(folder: Path, rows: int = 90) -> Path:
    """Texts of two classes as a spreadsheet saves them: train and test, columns in a language of their own."""
    drawn = random.Random(0)
    folder.mkdir()
    for split, first in (("train", 0), ("test", rows)):
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["nomor", "ulasan", "nada"])
            for number in range(first, first + rows):
                label = sorted(_OPINIONS)[number % 2]
                words = drawn.choices(_FILLERS, k=5) + drawn.choices(_OPINIONS[label], k=2)
                drawn.shuffle(words)
                table.writerow([number, f'"{words[0]}", kata {" ".join(words[1:])} {number}', label])
    return folder


def write_tags(folder: Path, *, train: int = 64, held_out: int = 30) -> Path:
    """Sentences with people and places, no two alike, and no text without tags."""
    drawn = random.Random(0)
    folder.mkdir()

    def row(number: int) -> dict[str, object]:
        person, place = drawn.sample(_NAMES[:2], 1), drawn.sample(_NAMES[2:], 1)
        words = [*person, str(number), *drawn.choices(_FILLERS, k=3), *place, "Raya"]
        return {"tokens": words, "tags": ["B-PERSON", "O", "O", "O", "O", "B-PLACE", "I-PLACE"]}

    first = 0
    for split, rows in (("train", train), ("validation", held_out), ("test", held_out)):
        write_jsonl(folder / f"{split}.jsonl", [row(first + number) for number in range(rows)])
        first += rows
    return folder
