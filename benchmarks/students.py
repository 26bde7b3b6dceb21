"""A student trained on a teacher's logits: by kdops, by TextBrewer, by two `Trainer`s of transformers.

All take the same rows, the same student with the same start, AdamW with the same peak, warm-up and decay, the mean
squared error of the logits, and a validation score after each epoch. Encoding comes before the clock.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, get_linear_schedule_with_warmup

from benchmarks.contest import Contestant, Figures, Work
from benchmarks.setting import Classroom, Setting
from benchmarks.trainers import BestScore, arguments
from kdops.models.student_kinds import KINDS
from kdops.training.loop import fit
from kdops.training.losses import DistillationObjective
from kdops.training.values import LoopConfig

FIRST, AGAIN = "kdops, logits made in the run", "kdops, logits on disk"
TEXTBREWER = "TextBrewer GeneralDistiller"
TEACHER_INSIDE = "Trainer, teacher in each step"
STORED, STORED_BFLOAT16 = "Trainer, stored logits", "Trainer, stored logits, bf16=True"
UNTRIMMED = "Trainer, stored logits, the teacher's vocabulary"

_AVERAGING = 0.999


def contestants(setting: Setting, student: str, store: Path) -> list[Contestant]:
    """For one student: kdops, and two ways that ask the teacher in each step.

    Args:
        setting: what they share.
        student: its name.
        store: a folder for teacher logits that are on disk.
    """
    return [
        Contestant(FIRST, partial(_kdops, setting, student, None)),
        Contestant(AGAIN, partial(_kdops, setting, student, store)),
        Contestant(TEXTBREWER, partial(_textbrewer, setting, student)),
        Contestant(TEACHER_INSIDE, partial(_trainer, setting, student, None)),
    ]


def given_logits(setting: Setting, student: str, store: Path) -> list[Contestant]:
    """For one student: kdops and a `Trainer`, both of which find the teacher's logits in a store.

    A `Trainer` multiplies in bfloat16 only if it is told to, as one of them is. The last one trains the student with as
    many embeddings as the teacher has, which is what one does who does not count the tokens of the training text.
    """
    return [
        Contestant(AGAIN, partial(_kdops, setting, student, store)),
        Contestant(STORED, partial(_trainer, setting, student, store)),
        Contestant(STORED_BFLOAT16, partial(_trainer, setting, student, store, bfloat16=True)),
        Contestant(UNTRIMMED, partial(_trainer, setting, student, store, trimmed=False)),
    ]


def _loop(setting: Setting, student: str) -> LoopConfig:
    return LoopConfig(
        epochs=setting.epochs,
        learning_rate=KINDS[student].first.learning_rate,
        batch_size=setting.batch_size,
        averaging=_AVERAGING,
        patience=setting.epochs,
        seed=setting.seed,
    )


def _kdops(setting: Setting, name: str, store: Path | None) -> Work:
    room = Classroom(setting)
    student, place = room.new_student(name), store or Path(tempfile.mkdtemp())
    validation = room.validation
    if store:
        room.logits(store)

    def work() -> Figures:
        training = room.training(room.logits(place))
        room.forget_teacher()
        result = fit(
            student,
            training,
            DistillationObjective(),
            validation.scores,
            _loop(setting, name),
            main_metric=room.corpus.main_metric,
            pad_id=validation.pad_id,
            description=name,
            quiet=True,
        )
        return {"score": result.best_score}

    return work


class Rows(Dataset[dict[str, Any]]):
    """Training rows as users of PyTorch hold them: lists of ids for teacher and student, and logits if there are."""

    def __init__(self, room: Classroom, logits: np.ndarray | None) -> None:
        self._teachers, self._students = room.encoded, room.students_encoded
        self._logits = logits

    def __len__(self) -> int:
        return len(self._teachers)

    def __getitem__(self, row: int) -> dict[str, Any]:
        start, end = self._teachers.row_starts[row : row + 2]
        item = {"teacher": self._teachers.ids[start:end].tolist(), "student": self._students.ids[start:end].tolist()}
        return item if self._logits is None else item | {"logits": self._logits[row]}


def _collated(items: Sequence[Mapping[str, Any]], pads: Mapping[str, int]) -> dict[str, Any]:
    batch: dict[str, Any] = {}
    for whose, pad_id in pads.items():
        rows = [torch.tensor(item[whose]) for item in items]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad_id)
        mask = nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        batch[whose] = {"input_ids": ids, "attention_mask": mask}
    if "logits" in items[0]:
        batch["logits"] = torch.from_numpy(np.stack([item["logits"] for item in items]))
    return batch


def _collator(room: Classroom, *, with_teacher: bool) -> Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]:
    pads = {"student": room.pad_id} | ({"teacher": room.teacher.pad_id} if with_teacher else {})
    return partial(_collated, pads=pads)


def _best(room: Classroom) -> BestScore:
    # Before the clock: the property encodes the validation texts.
    main_metric, validation = room.corpus.main_metric, room.validation
    return BestScore(lambda student: validation.scores(student)[main_metric])


def _optimizer(student: nn.Module, config: LoopConfig, rows: int) -> tuple[torch.optim.Optimizer, Any]:
    optimizer = torch.optim.AdamW(
        student.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    steps = -(-rows // config.batch_size) * config.epochs
    return optimizer, get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
        optimizer, int(steps * config.warmup_share), steps
    )


def _textbrewer(setting: Setting, name: str) -> Work:
    import textbrewer

    room, config = Classroom(setting, plain_teacher=True), _loop(setting, name)
    student, best, folder = room.new_student(name), _best(room), tempfile.mkdtemp()
    rows = Rows(room, None)
    loader = DataLoader(rows, config.batch_size, shuffle=True, collate_fn=_collator(room, with_teacher=True))
    optimizer, schedule = _optimizer(student, config, len(rows))

    def adaptor(batch: object, logits: Tensor) -> dict[str, tuple[Tensor]]:
        return {"logits": (logits,)}

    distiller = textbrewer.GeneralDistiller(
        train_config=textbrewer.TrainingConfig(device="cpu", output_dir=folder),
        distill_config=textbrewer.DistillationConfig(temperature=1, kd_loss_type="mse", hard_label_weight=0),
        model_T=room.teacher.model,
        model_S=student,
        adaptor_T=adaptor,
        adaptor_S=adaptor,
    )

    def work() -> Figures:
        student.train()
        with distiller:
            distiller.train(
                optimizer,
                loader,
                num_epochs=config.epochs,
                scheduler=schedule,
                max_grad_norm=config.max_gradient_norm,
                callback=lambda model, step: best.look(model),
            )
        return {"score": best.best}

    return work


class _DistillingTrainer(Trainer):
    """A `Trainer` whose loss is the distance to a teacher's logits, which it asks for in each step if need be."""

    def __init__(self, teacher: nn.Module | None, **settings: Any) -> None:
        super().__init__(**settings)
        self._teacher = teacher

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        logits = model(**inputs["student"])
        if self._teacher is None:
            return functional.mse_loss(logits, inputs["logits"])
        with torch.no_grad():
            wanted = self._teacher(**inputs["teacher"])
        return functional.mse_loss(logits, wanted)


def _trainer(setting: Setting, name: str, store: Path | None, *, trimmed: bool = True, bfloat16: bool = False) -> Work:
    # Signals of a store are made by kdops' own teacher.
    room, config = Classroom(setting, plain_teacher=store is None, trimmed=trimmed), _loop(setting, name)
    student, best = room.new_student(name), _best(room)
    logits = room.logits(store) if store else None
    rows = Rows(room, None if logits is None else logits.gather(np.arange(len(logits))))
    collator = _collator(room, with_teacher=store is None)
    trainer = _DistillingTrainer(
        teacher=None if store else room.teacher.model,
        model=student,
        train_dataset=rows,
        data_collator=collator,
        optimizers=_optimizer(student, config, len(rows)),
        callbacks=[best],
        args=arguments(config, bfloat16=bfloat16),
    )
    if store:
        room.forget_teacher()

    def work() -> Figures:
        trainer.train()
        return {"score": best.best}

    return work
