"""A data set and a teacher small enough to make a student's material in a blink."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from kdops.data.corpus import Corpus, load_corpus
from kdops.data.unlabeled import Unlabeled, load_unlabeled
from kdops.models.teachers.scratch import scratch_teacher
from kdops.models.teachers.sources import teacher_identity
from kdops.steps.teacher.result import MODEL, TeacherFacts, TeacherKeys, TrainedTeacher
from kdops.task import Task
from kdops.training.values import Fit, ModelScores
from kdops.workspace import save_result

WORDS = ("kamar", "bersih", "nasi", "enak", "harga", "murah", "tempat", "ramah", "pintu", "rusak")


@dataclass(frozen=True)
class Taught:
    """A data set, texts without labels, and a teacher that nobody trained."""

    folder: Path
    corpus: Corpus
    unlabeled: Unlabeled
    teacher: TrainedTeacher


def _texts(first: int, count: int) -> list[str]:
    return [
        " ".join(WORDS[(first + row * step) % 10] for step in (1, 3, 7, 9)) + f" {first + row}" for row in range(count)
    ]


def make_taught(folder: Path, task: Task) -> Taught:
    parts = {"train": _texts(0, 12), "validation": _texts(20, 6), "test": _texts(30, 6), "unlabeled": _texts(40, 9)}
    for split, texts in parts.items():
        rows: list[dict[str, object]] = [{"text": text, "label": "ab"[row % 2]} for row, text in enumerate(texts)]
        if task is Task.TOKEN:
            rows = [{"tokens": text.split(), "tags": ["O", "B-X", "I-X", "O", "O"]} for text in texts]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = load_corpus(str(folder))
    unlabeled = load_unlabeled(corpus, None)
    assert unlabeled is not None
    torch.manual_seed(0)
    # Three times, so that its vocabulary has each of their characters.
    teacher = scratch_teacher(3 * [text for texts in parts.values() for text in texts], task, corpus.labels)
    to = folder / "teacher"
    teacher.save(to / MODEL)
    facts = TeacherFacts(
        source="scratch",
        weights=teacher_identity(str(to / MODEL)),
        task=task,
        labels=corpus.labels,
        max_length=32,
        pad_id=teacher.pad_id,
        scores=ModelScores.of(corpus, corpus.gold("validation"), corpus.gold("test")),
        fit=Fit(1.0, 1, ()),
    )
    save_result(to, facts)
    return Taught(folder, corpus, unlabeled, TrainedTeacher.load(to, TeacherKeys("feed", "beef"), "", reused=False))
