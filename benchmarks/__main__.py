"""Run benchmarks and write what they came to: `python -m benchmarks --help`."""

import json
import logging
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import (
    crowded,
    growth,
    predictors,
    scheduling,
    serving,
    startup,
    students,
    teacher_logits,
    teachers,
    threads,
    tuning,
)
from benchmarks.contest import Contestant, contest
from benchmarks.setting import Setting, of_bert_base, part_of
from benchmarks.tables import standings_table, table
from kdops import machine
from kdops.errors import UserError
from kdops.measure.probes import usage

logger = logging.getLogger("benchmarks")

_TEACHER_EPOCHS = 3
_STUDENTS = ("bilstm", "cnn", "bert-tiny")
_TEXTS = (0.05, 0.1, 0.25, 0.5, 1.0)


class Part(StrEnum):
    """A benchmark that can be chosen."""

    TEACHERS = "teachers"
    STUDENTS = "students"
    STORED = "stored"
    TEACHER_LOGITS = "teacher-logits"
    TUNING = "tuning"
    STARTUP = "startup"
    PREDICTORS = "predictors"
    GROWTH = "growth"
    SCHEDULING = "scheduling"
    THREADS = "threads"
    SERVING = "serving"
    CROWDED = "crowded"


def main(
    parts: Annotated[list[Part] | None, typer.Argument(help="Which; all by default.")] = None,
    dataset: Annotated[str, typer.Option(help="A data set for text classification.")] = "smsa",
    rows: Annotated[int, typer.Option(help="Most training rows.")] = 24,
    teacher: Annotated[
        str, typer.Option(help="A fine-tuned teacher's folder; or an encoder, which is fine-tuned on these rows first.")
    ] = os.environ.get("KDOPS_TEST_ENCODER", "indobenchmark/indobert-base-p1"),
    student: Annotated[
        list[str] | None, typer.Option(help="Whom to train; several times for several; by default three.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training rows.")] = 5,
    rounds: Annotated[int, typer.Option(help="Turns of each contestant.")] = 2,
    trials: Annotated[int, typer.Option(help="Trials of each study.")] = 8,
    texts: Annotated[
        Path | None, typer.Option(help="JSONL with a column text, for growth; else the data set's.")
    ] = None,
    most_texts: Annotated[int, typer.Option(help="Texts that growth goes up to.")] = 5_000,
    bundles: Annotated[
        list[Path] | None, typer.Option(help="Bundles of the data set, for predictors; else of students trained now.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="What predictors make model2vec and SetFit of; by default the teacher as it was named.")
    ] = "",
    environments: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps the environments of these two, which uv makes; else they are made anew."),
    ] = None,
    whole_demo: Annotated[
        bool, typer.Option(help="Crowded: with the demo's own budget, and not two short trials.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for tables and pictures.")] = Path("benchmark-results"),
) -> None:
    """Measure kdops beside other ways to the same end, one thread each, and write a table for each part."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO, force=True)
    logging.getLogger("Distillation").setLevel(logging.WARNING)
    out.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="kdops-benchmark-"))
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "KDOPS_HOME": str(place / "home")}
    wanted = list(parts or Part)
    if set(wanted) - {Part.STARTUP, Part.GROWTH, Part.SCHEDULING, Part.THREADS, Part.CROWDED}:
        data = part_of(dataset, rows, place)
        taught, teacher_s = _taught(data, teacher, place)
        setting = Setting(data, taught, encoder=encoder or teacher, teacher_s=teacher_s, epochs=epochs)
    else:
        setting = Setting(dataset, teacher, epochs=epochs)
    store = place / "teacher-logits"
    works: dict[Part, Callable[[], str]] = {
        Part.TEACHERS: lambda: _teachers(setting, rounds),
        Part.STUDENTS: lambda: _students(
            lambda name: students.contestants(setting, name, store), student or _STUDENTS, rounds, students.FIRST
        ),
        Part.STORED: lambda: _students(
            lambda name: students.given_logits(setting, name, store), student or _STUDENTS, rounds, students.AGAIN
        ),
        Part.TEACHER_LOGITS: lambda: _teacher_logits(setting, rounds, place),
        Part.TUNING: lambda: _tuning(setting, trials, rounds),
        Part.STARTUP: lambda: _startup(rounds),
        Part.PREDICTORS: lambda: _predictors(
            setting, bundles or [], student or predictors.STUDENTS, rounds, place, environments
        ),
        Part.GROWTH: lambda: _growth(texts or _texts_of(setting.dataset, place), most_texts, trials, out),
        Part.SCHEDULING: _scheduling,
        Part.THREADS: lambda: threads.compare(rounds),
        Part.SERVING: lambda: _serving(setting, bundles or [], rounds, place),
        Part.CROWDED: lambda: crowded.compare(rounds, whole=whole_demo),
    }
    for part in wanted:
        started = time.monotonic()
        found = works[part]()
        told = _machine() if part in (Part.THREADS, Part.CROWDED) else _circumstances(setting, rows, rounds)
        said = f"{found}\n\n{told}; took {(time.monotonic() - started) / 60:.1f} min.\n"
        (out / f"{part}.md").write_text(said, encoding="utf-8")
        print(f"## {part}\n\n{said}", flush=True)


def _taught(data: str, teacher: str, place: Path) -> tuple[str, float]:
    """A teacher that knows the labels of the data, the given one or one that is fine-tuned now, and its CPU seconds."""
    from kdops.data.corpus import load_corpus

    config = Path(teacher) / "config.json"
    if config.is_file():
        known = json.loads(config.read_text(encoding="utf-8")).get("id2label", {})
        if list(known.values()) == list(load_corpus(data).labels):
            return teacher, math.nan
    import mlflow

    from kdops.steps.teacher.config import TeacherConfig
    from kdops.steps.teacher.result import MODEL
    from kdops.steps.teacher.step import train_teacher

    mlflow.set_tracking_uri(f"sqlite:///{place / 'mlflow.db'}")
    with usage() as used:
        train_teacher(TeacherConfig(dataset=data, teacher=teacher, epochs=_TEACHER_EPOCHS))
    return str(next((place / "home" / "teachers").glob(f"*/{MODEL}"))), used.cpu_s


def _texts_of(dataset: str, place: Path) -> Path:
    from kdops.data.corpus import load_corpus

    file = place / "texts.jsonl"
    lines = [json.dumps({"text": text}) for text in load_corpus(dataset).inputs("train")]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _students(make: Callable[[str], Sequence[Contestant]], names: Sequence[str], rounds: int, first: str) -> str:
    parts = []
    for student in names:
        standings = contest(make(student), rounds)
        compared = list(dict.fromkeys([first, students.AGAIN]))
        parts.append(standings_table(standings, first=student, figures={"score": ".3f"}, compared=compared))
    return "\n\n".join(parts)


def _teachers(setting: Setting, rounds: int) -> str:
    standings = contest(teachers.contestants(setting), rounds)
    return standings_table(standings, first="teacher", figures={"score": ".3f"}, compared=[teachers.KDOPS])


def _teacher_logits(setting: Setting, rounds: int, place: Path) -> str:
    teachers = {"teacher logits": setting, "of a BERT-base": of_bert_base(setting, place / "base")}
    compared, figures = [teacher_logits.KDOPS, teacher_logits.PRODUCTS], {"texts": ",.0f"}
    return "\n\n".join(
        standings_table(
            contest(teacher_logits.contestants(one), rounds), first=name, figures=figures, compared=compared
        )
        for name, one in teachers.items()
    )


def _tuning(setting: Setting, trials: int, rounds: int) -> str:
    standings = contest(tuning.contestants(setting, trials), rounds)
    pruned, one, two = standings
    shown = standings_table(standings, first=f"{trials} trials", figures={"score": ".3f", "epochs": ".0f"}, compared=[])
    told = (
        f"Pruning takes {pruned.cpu_s / one.cpu_s:.0%} of the computing. "
        f"Two workers do {one.wall_s / two.wall_s:.2f} times as many trials an hour as one; the table has the CPU time "
        f"of the process that started them, not theirs."
    )
    return f"{shown}\n\n{told}"


def _startup(rounds: int) -> str:
    helps = sorted(startup.help_s() for _ in range(rounds))
    first, second = startup.first_epoch_s()
    once, again = startup.finished_s()
    rows = [
        {"what": "`python -m entrypoints.distill --help`", "seconds": f"{helps[rounds // 2]:.2f}"},
        {"what": "`mlflow run . -e distill`, sample data, to the end of epoch 1", "seconds": f"{first:.1f}"},
        {"what": "the same where `mlflow.db` exists", "seconds": f"{second:.1f}"},
        {"what": "`mlflow run . -e distill`, 2 trials of 3 epochs, to its end", "seconds": f"{once:.1f}"},
        {"what": "the same command again", "seconds": f"{again:.1f}"},
    ]
    return table(rows)


def _predictors(
    setting: Setting,
    bundles: Sequence[Path],
    names: Sequence[str],
    rounds: int,
    place: Path,
    environments: Path | None,
) -> str:
    made = environments or place / "environments"
    beside = predictors.beside_peers(setting, bundles, names, rounds, place / "peers", made)
    untrained = predictors.at_full_vocabulary(setting, rounds, place / "untrained")
    return f"{beside}\n\nUntrained, of as many tokens as a BERT:\n\n{untrained}"


def _serving(setting: Setting, bundles: Sequence[Path], rounds: int, place: Path) -> str:
    from benchmarks.peers import quick_bundle
    from benchmarks.predictors import exam_of
    from kdops.data.corpus import load_corpus
    from kdops.tracking import runs
    from kdops.tracking.names import Role
    from kdops.tracking.registry import registered

    bundle = (bundles or [quick_bundle(setting, _STUDENTS[0], place)])[0]
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place / 'served.db'}"
    with runs.tracked(Role.STUDENT, _STUDENTS[0]) as run:
        number = registered.register(bundle, run=run, corpus_name="served", tags={}, description="")
    compared = serving.services(bundle, f"models:/kdops-served/{number}", Path(setting.teacher))
    return serving.compare(bundle, compared, exam_of(load_corpus(setting.dataset)).texts, rounds)


def _scheduling() -> str:
    return "\n\n".join([scheduling.handing_over(), scheduling.logits_on_disk(), scheduling.asked_of_a_server()])


def _growth(source: Path, most: int, trials: int, out: Path) -> str:
    counts = [max(1, round(most * share)) for share in _TEXTS]
    standings = contest(growth.by_texts(source, counts), 1)
    trials_s = growth.by_trials(8 * trials)
    growth.picture(standings, trials_s).savefig(out / "growth.png", dpi=110)
    names = ("encoding", "logits", "training")
    rows = [
        {
            "texts": f"{one.figure('count'):,.0f}",
            **{f"{name}, µs per token": f"{one.figure(name):.1f}" for name in names},
            "peak RAM of the process, MB": f"{one.figure('peak_mb'):.0f}",
        }
        for one in standings
    ]
    ends = (trials_s[: len(trials_s) // 8], trials_s[-len(trials_s) // 8 :])
    early, late = (sorted(part)[len(part) // 2] for part in ends)
    told = f"{early:.2f} s among the first, {late:.2f} s among the last of {len(trials_s)}"
    return f"{table(rows)}\n\nAround the training of a trial: {told}."


def _circumstances(setting: Setting, rows: int, rounds: int) -> str:
    name = Path(setting.dataset).name
    return (
        f"{name}, at most {rows:,} training rows, {setting.epochs} epochs, batches of {setting.batch_size}, {rounds} "
        f"rounds, one thread each; {_machine()}"
    )


def _machine() -> str:
    import torch
    import transformers

    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, Python {platform.python_version()}"
    return f"{machine.cpu_model()}, {machine.cores()} cores; {versions}"


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
