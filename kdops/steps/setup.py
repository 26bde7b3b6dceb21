"""The beginning of every step: read the data, check it, and log its facts."""

import logging
import math
import os
from dataclasses import dataclass
from pathlib import Path

from kdops.data.catalog import CATALOG
from kdops.data.corpus import Corpus
from kdops.data.facts import DataFacts, inspect, summary
from kdops.errors import UserError
from kdops.steps.data_config import DataConfig, TrainingDataConfig
from kdops.tracking import names

logger = logging.getLogger(__name__)

_FEW_ROWS = 200
_HALF_INTERVAL_OF_ONE = 98.0
"""Points: half the 95% interval of an accuracy of one half on one row; on n rows it is divided by the root of n."""


@dataclass(frozen=True)
class CheckedCorpus:
    """A data set that passed the checks, and what they counted."""

    corpus: Corpus
    report: DataFacts

    @property
    def counts(self) -> dict[str, float]:
        """The checks' counts as metrics."""
        report = self.report
        return {
            **{f"data.rows_{split}": rows for split, rows in report.rows.items()},
            "data.duplicates_train_validation": report.duplicates_train_validation,
            "data.duplicates_train_test": report.duplicates_train_test,
            "data.duplicates_validation_test": report.duplicates_validation_test,
            "data.duplicates_in_train": report.duplicates_in_train,
            "data.conflicting_in_train": report.conflicting_in_train,
            "data.repaired_tags": sum(report.repaired_tags.values()),
        }


def launched_together() -> bool:
    """Whether `accelerate launch` started this process beside others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def check_alone(step: str) -> None:
    """Make sure that a step which trains on one device was not started several times.

    Raises:
        UserError: if it was, in the main process; the others end with the same exit code and say nothing.
    """
    if not launched_together():
        return
    if os.environ.get("RANK", "0") != "0":
        raise SystemExit(2)
    raise UserError(
        f"{step} runs in one process: it is the teacher that is trained on several devices. Start train_teacher by "
        f"accelerate launch first, then {step} without it, which finds that teacher"
    )


def checked_corpus(config: DataConfig) -> CheckedCorpus:
    """Load a data set and check it.

    Raises:
        UserError: for anything that training should not start with.
    """
    corpus = config.corpus()
    report = inspect(corpus)
    rows = ", ".join(f"{split} {count}" for split, count in report.rows.items())
    logger.info("dataset %s (%s): %s", corpus.name, corpus.task, rows)
    for line in summary(corpus).splitlines():
        logger.info("dataset %s: %s", corpus.name, line)
    if corpus.labeled_by:
        logger.info(
            "dataset %s: labels are those of teacher %s; scores are agreement with it", corpus.name, corpus.labeled_by
        )
        if isinstance(config, TrainingDataConfig):
            logger.info("dataset %s: other steps read it by dataset=%s", corpus.name, config.place)
    for note in corpus.notes:
        logger.info("dataset %s: %s", corpus.name, note)
    leaks = report.duplicates_train_test + report.duplicates_train_validation
    if leaks:
        logger.warning(
            "%d validation or test texts stand in train too; they are counted and kept (drop_leaks=true drops them)",
            leaks,
        )
    fewest = min(report.rows["validation"], report.rows["test"])
    if fewest < _FEW_ROWS and not corpus.labeled_by:
        logger.warning(
            "validation or test has %d rows only: scores of so few are uncertain by some %.0f points (95 %%), too "
            "much to choose between models; some hundreds tell them apart",
            fewest,
            _HALF_INTERVAL_OF_ONE / math.sqrt(max(fewest, 1)),
        )
    return CheckedCorpus(corpus, report)


def described_data(config: TrainingDataConfig, corpus: Corpus) -> dict[str, object]:
    """The parameters by which other steps read a run's data again, as it logs them."""
    described = config.data_described
    place = described["dataset"]
    if place not in CATALOG and Path(place).expanduser().exists():
        place = str(Path(place).expanduser().resolve())  # They may be called from another folder.
    return described | {"dataset": corpus.name, names.DATA: place}


def identifying_tags(corpus: Corpus, student: str | None = None, recipe: str | None = None) -> dict[str, object]:
    """The tags that tell a run's data set, and its student and recipe where it has them."""
    tags: dict[str, object] = {
        names.DATASET: corpus.name,
        names.TASK: corpus.task,
        names.MAIN_METRIC: corpus.main_metric,
        names.STUDENT: student,
        names.RECIPE: recipe,
    }
    return {name: value for name, value in tags.items() if value is not None}
