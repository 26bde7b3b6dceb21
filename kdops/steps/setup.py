"""What every step does first: read the data, check it, and say what it is."""

import logging
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kdops.data.corpus import Corpus, corpus_name, load_corpus
from kdops.data.facts import DataFacts, inspect
from kdops.data.raw import DataOptions, Scheme
from kdops.data.unlabeled import Unlabeled, load_unlabeled
from kdops.models.teacher import mask_token
from kdops.task import Task
from kdops.tracking import names

logger = logging.getLogger(__name__)


def _named(value: object) -> object:
    if not isinstance(value, str):
        return value
    named = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not named:
        raise ValueError("no name is given")
    return named


Names = Annotated[tuple[str, ...], BeforeValidator(_named)]
"""A parameter that holds names with commas between them, each counted once."""


class DataConfig(BaseModel):
    """The parameters of a step that reads a data set; see `DataOptions`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = "sample"
    name: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    scheme: Scheme = "auto"
    drop_leaks: bool = False

    @property
    def options(self) -> DataOptions:
        """How the data set is read."""
        return DataOptions(
            name=self.name,
            text_column=self.text_column,
            label_column=self.label_column,
            scheme=self.scheme,
            drop_leaks=self.drop_leaks,
        )

    @property
    def corpus_name(self) -> str:
        """What the data set is called, which needs none of its files."""
        return corpus_name(self.dataset, self.options)

    def corpus(self) -> Corpus:
        """The data set, read anew.

        Raises:
            UserError: for anything that training should not start with.
        """
        return load_corpus(self.dataset, self.options)


class TrainingDataConfig(DataConfig):
    """The parameters of a step that trains: data, more text, and the teacher that reads both."""

    teacher: str | None = None
    unlabeled: str | None = None
    unlabeled_max: int | None = Field(default=None, ge=1)
    length_filter: bool = True

    def source(self, corpus: Corpus) -> str:
        """The encoder that is fine-tuned: the user's choice, or the data set's own."""
        return self.teacher or corpus.default_teacher

    def unlabeled_texts(self, corpus: Corpus, *, wanted: bool = True) -> Unlabeled | None:
        """The texts without labels that the parameters name; None where there are none.

        Args:
            corpus: the data set that they are added to.
            wanted: whether the step has a use for them; if not, they are not read, and a user who named some is told.

        Raises:
            UserError: if they cannot be had or used.
        """
        if not wanted:
            if self.unlabeled not in (None, "default"):
                logger.warning(
                    "unlabeled=%s is not used: this recipe and teacher take no unlabeled text", self.unlabeled
                )
            return None
        return load_unlabeled(
            corpus,
            self.unlabeled,
            max_texts=self.unlabeled_max,
            length_filter=self.length_filter,
            mask_token=mask_token(self.source(corpus)) if self.unlabeled == "augmented" else None,
        )


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


def checked_corpus(config: DataConfig) -> CheckedCorpus:
    """Load a data set and check it.

    Raises:
        UserError: for anything that training should not start with.
    """
    corpus = config.corpus()
    report = inspect(corpus)
    rows = ", ".join(f"{split} {count}" for split, count in report.rows.items())
    logger.info("dataset %s (%s): %s", corpus.name, corpus.task, rows)
    for note in corpus.notes:
        logger.info("dataset %s: %s", corpus.name, note)
    leaks = report.duplicates_train_test + report.duplicates_train_validation
    if leaks:
        logger.warning(
            "%d validation or test texts stand in train too; they are counted and kept (drop_leaks=true drops them)",
            leaks,
        )
    return CheckedCorpus(corpus, report)


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


def gold_classes(corpus: Corpus, split: str) -> list[int] | list[list[int]]:
    """The gold labels of a split as numbers: one a text, or one a word."""
    classes: list[int] | list[list[int]] = corpus.splits[split]["label" if corpus.task is Task.TEXT else "tags"][:]
    return classes
