"""What every step does first: read the data, check it, and say what it is."""

import logging
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from kdops.data.checks import Report, inspect
from kdops.data.corpus import Corpus, load_corpus
from kdops.data.unlabeled import load_unlabeled
from kdops.task import Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckedCorpus:
    """A data set that passed the checks, and what they counted."""

    corpus: Corpus
    report: Report

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


def checked_corpus(name: str) -> CheckedCorpus:
    """Load a data set by name or folder and check it.

    Raises:
        UserError: for anything that training should not start with.
    """
    corpus = load_corpus(name)
    report = inspect(corpus)
    rows = ", ".join(f"{split} {count}" for split, count in report.rows.items())
    logger.info("dataset %s (%s): %s", corpus.name, corpus.task, rows)
    leaks = report.duplicates_train_test + report.duplicates_train_validation
    if leaks:
        logger.warning("%d validation or test texts stand in train too; they are counted and kept", leaks)
    return CheckedCorpus(corpus, report)


def unlabeled_texts(corpus: Corpus, path: str | None) -> Dataset | None:
    """The texts without labels: the user's file, or what lies beside the data set; None where there is neither.

    Raises:
        UserError: if the file is missing or unreadable.
    """
    chosen = Path(path).expanduser() if path else corpus.unlabeled
    if chosen is None:
        return None
    held_out = [*corpus.inputs("validation"), *corpus.inputs("test")]
    return load_unlabeled(chosen, corpus.task, exclude=held_out)


def inputs_of(dataset: Dataset | None, task: Task) -> list[str] | list[list[str]]:
    """The inputs in a dataset of unlabeled texts; none without one."""
    if dataset is None:
        return []
    inputs: list[str] | list[list[str]] = dataset["text" if task is Task.TEXT else "tokens"][:]
    return inputs


def gold_classes(corpus: Corpus, split: str) -> list[int] | list[list[int]]:
    """The gold labels of a split as numbers: one a text, or one a word."""
    classes: list[int] | list[list[int]] = corpus.splits[split]["label" if corpus.task is Task.TEXT else "tags"][:]
    return classes
