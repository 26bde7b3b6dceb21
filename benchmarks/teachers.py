"""A teacher's training on gold labels: by kdops and by the `Trainer` of transformers.

All go on from the same fine-tuned teacher, with the same rows, AdamW, schedule and clipping, and a validation score at
the end of each epoch. Encoding comes before the clock.
"""

from functools import partial

import numpy as np
from transformers import DataCollatorWithPadding, Trainer

from benchmarks.contest import Contestant, Figures, Work
from benchmarks.setting import Classroom, Setting
from benchmarks.trainers import BestScore, arguments
from kdops.steps.teacher.config import TeacherConfig
from kdops.training.batches import TrainingSet
from kdops.training.loop import fit
from kdops.training.losses import GoldObjective
from kdops.training.scoring import LabeledTexts, labeled_texts

KDOPS, TRAINER, TRAINER_BFLOAT16 = "kdops", "Trainer", "Trainer, bf16=True"
_EPOCHS = 1


def contestants(setting: Setting) -> list[Contestant]:
    """All of them, for one epoch."""
    return [
        Contestant(KDOPS, partial(_kdops, setting)),
        Contestant(TRAINER, partial(_trainer, setting, bfloat16=False)),
        Contestant(TRAINER_BFLOAT16, partial(_trainer, setting, bfloat16=True)),
    ]


def _validation(room: Classroom) -> LabeledTexts:
    teacher = room.teacher
    return labeled_texts(room.corpus, "validation", teacher.tokenizer, teacher.pad_id, room.setting.max_length)


def _kdops(setting: Setting) -> Work:
    room = Classroom(setting)
    training, validation = TrainingSet(room.encoded, room.labels), _validation(room)
    loop = TeacherConfig(epochs=_EPOCHS, batch_size=setting.batch_size, seed=setting.seed).loop(setting.teacher)

    def work() -> Figures:
        result = fit(
            room.teacher.model,
            training,
            GoldObjective(),
            validation.scores,
            loop,
            main_metric=room.corpus.main_metric,
            pad_id=room.teacher.pad_id,
            description="teacher",
            quiet=True,
        )
        return {"score": result.best_score}

    return work


def _trainer(setting: Setting, *, bfloat16: bool) -> Work:
    room = Classroom(setting, plain_teacher=True)
    validation, teacher = _validation(room), room.teacher.model
    best = BestScore(lambda encoder: validation.scores(teacher)[room.corpus.main_metric])
    loop = TeacherConfig(epochs=_EPOCHS, batch_size=setting.batch_size, seed=setting.seed).loop(setting.teacher)
    texts = np.split(room.encoded.ids, room.encoded.row_starts[1:-1])
    rows = [{"input_ids": text.tolist(), "labels": int(label)} for text, label in zip(texts, room.labels, strict=True)]
    trainer = Trainer(
        model=teacher.encoder,
        train_dataset=rows,
        data_collator=DataCollatorWithPadding(room.teacher.processing),
        callbacks=[best],
        args=arguments(loop, bfloat16=bfloat16),
    )

    def work() -> Figures:
        trainer.train()
        return {"score": best.best}

    return work
