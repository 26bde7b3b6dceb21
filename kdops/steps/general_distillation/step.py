"""`pretrain_student`: a general student ahead of time, which data sets, recipes, seeds and trials start from."""

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from kdops.data.corpus import Corpus
from kdops.models.teachers.sources import check_teacher
from kdops.steps.general_distillation.config import PretrainConfig
from kdops.steps.general_distillation.plan import GeneralPlan
from kdops.steps.setup import checked_corpus
from kdops.tracking import names
from kdops.tracking.names import Role
from kdops.tracking.recorder import MlflowRecorder, Recorder
from kdops.workspace import GENERAL_STUDENTS

if TYPE_CHECKING:
    from kdops.training.general_distillation import GeneralStudent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pretrained:
    """A general student on this machine.

    Attributes:
        plan: what it was made from.
        student: the student.
        run_id: its run; empty where nothing is recorded.
        reused: whether it was there already.
    """

    plan: GeneralPlan
    student: "GeneralStudent"
    run_id: str
    reused: bool

    def __str__(self) -> str:
        vocabulary = "its own vocabulary" if self.plan.vocabulary.own else "the encoder's vocabulary"
        return "\n".join(
            [
                f"general {self.student.config.student} in {vocabulary}, {self.student.texts} texts",
                f"it explains {self.student.explained_variance:.1%} of the token states of {self.plan.encoder}",
                f"folder: {self.student.folder}",
                *([f"run: {self.run_id}{' (reused)' if self.reused else ''}"] if self.run_id else []),
            ]
        )


def pretrain_student(config: PretrainConfig, recorder: Recorder | None = None) -> Pretrained:
    """Make the general student that `distill` with the same parameters starts from, if it is not there yet.

    Args:
        config: the parameters.
        recorder: where its run goes; None: to MLflow.

    Raises:
        UserError: for anything wrong with the data, the encoder or the tracking server, before any training.
    """
    recorder = recorder or MlflowRecorder()
    config = config.at_hand()
    corpus = checked_corpus(config).corpus
    check_teacher(config.encoder(corpus) or config.source(corpus))
    plan = config.plan_of(corpus)
    recorder.connect()
    return pretrained(plan, corpus, recorder, force=config.force)


def pretrained(plan: GeneralPlan, corpus: Corpus, recorder: Recorder, *, force: bool = False) -> Pretrained:
    """The general student of a plan: found, or made in a run of its own.

    Args:
        plan: what it is made from.
        corpus: the data set that asks for it.
        recorder: where its run goes, if it has none there yet.
        force: make it again.
    """
    from kdops.steps.general_distillation.make import find_general, general_student
    from kdops.training.general_distillation import EXPLAINED

    counts, sources = plan.texts.counts, ", ".join(plan.texts.sources)
    logger.info("general texts: %d of %d kept, from %s", counts.kept, counts.read, sources)
    run_id = None if force else recorder.finished(Role.GENERAL, plan.piece.key)
    found = None if force else find_general(plan)
    if found and run_id:
        return Pretrained(plan, found, run_id, reused=True)
    student = plan.training.student
    described = asdict(plan.training) | asdict(plan.vocabulary)
    described |= {"teacher": plan.encoder, "texts": len(plan.texts), "sources": sources}
    with recorder.opened(
        Role.GENERAL,
        f"general {student}",
        fingerprint=plan.piece.key,
        tags={names.STUDENT: student, names.DATASET: corpus.name},
        config=described,
    ) as record:
        record.metrics({f"texts.{name}": count for name, count in asdict(counts).items()})
        made = found or general_student(plan, force=force)
        for epoch in made.epochs:
            record.epoch(epoch)
        record.metrics({EXPLAINED: made.explained_variance})
        record.folder(made.folder, GENERAL_STUDENTS.name)
        return Pretrained(plan, made, record.run_id, reused=found is not None)
