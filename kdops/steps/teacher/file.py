"""A file of probabilities as a teacher: read once into a store of logits, and scored where it has the texts."""

import logging
import shutil
from itertools import compress
from pathlib import Path

import numpy as np

from kdops.data.corpus import Corpus, Gold
from kdops.data.inputs import Text
from kdops.data.unlabeled import Unlabeled
from kdops.errors import UserError
from kdops.models.teachers.label_names import check_names
from kdops.models.teachers.sources import file_of, teacher_identity
from kdops.steps.data_config import TrainingDataConfig
from kdops.steps.teacher.config import TeacherConfig
from kdops.steps.teacher.result import GIVEN, TeacherFacts
from kdops.training.probabilities import (
    LabelNames,
    given_store,
    lacking,
    likely_labels,
    shown,
    store_gold,
)
from kdops.training.shards import stored_keys
from kdops.training.values import Fit, ModelScores
from kdops.workspace import save_result

logger = logging.getLogger(__name__)

_SCORED = ("validation", "test")


def checked_file(corpus: Corpus, config: TrainingDataConfig) -> Path:
    """Read all of a file of probabilities, which needs none of the libraries that train, and give its store of logits.

    Raises:
        UserError: naming the line of the file that cannot be used; or if it lacks training texts, and these are not to
            have their gold labels.
    """
    source = config.source(corpus)
    file = file_of(source)
    assert file is not None
    names = LabelNames(corpus.labels, config.labels_of_teacher)
    check_names(corpus.labels, names.called)
    store = given_store(file, corpus.task, names)
    if config.teacher_missing == "refuse":
        _refuse_lacking(f"teacher {source}", store, corpus)
    return store


def make_file_teacher(corpus: Corpus, config: TeacherConfig, folder: Path) -> None:
    """Score a file of probabilities on each split of which it has all texts.

    Args:
        corpus: the data.
        config: the parameters.
        folder: gets the logits and what is known of them.

    Raises:
        UserError: as `checked_file`.
    """
    source, store = config.source(corpus), folder / GIVEN
    shutil.copytree(checked_file(corpus, config), store)
    texts = len(stored_keys(store))
    logger.info("teacher %s: probabilities of %d texts", source, texts)
    _fill(corpus, source, store)
    said = ([], []) if corpus.labeled_by else (_predicted(corpus, split, source, store) for split in _SCORED)
    scores = ModelScores.of(corpus, *said)
    facts = TeacherFacts(
        source=source,
        weights=teacher_identity(source),
        task=corpus.task,
        labels=corpus.labels,
        max_length=config.max_length,
        pad_id=0,
        scores=scores,
        fit=Fit(scores.validation.get(corpus.main_metric, 0.0), 0, ()),
        texts=texts,
    )
    save_result(folder, facts)


def check_unlabeled(corpus: Corpus, config: TrainingDataConfig, unlabeled: Unlabeled) -> None:
    """Count the texts without labels that a file of probabilities lacks, which teach nothing.

    Raises:
        UserError: as `checked_file`; or if it lacks some, and they are refused.
    """
    absent = lacking(checked_file(corpus, config), unlabeled.inputs(), len(corpus.labels))
    if not any(absent):
        return
    found = f"teacher {config.source(corpus)} lacks {sum(absent)} of {len(absent)} texts without labels"
    if config.teacher_missing == "refuse":
        example = shown(next(compress(unlabeled.inputs(), absent)))
        raise UserError(f"{found}, {example} for one; leave them out, or give teacher_missing=gold")
    logger.warning("%s: these teach nothing", found)


def _refuse_lacking(teacher: str, store: Path, corpus: Corpus) -> None:
    texts = corpus.inputs("train")
    absent = lacking(store, texts, len(corpus.labels))
    if any(absent):
        example = shown(next(compress(list[Text](texts), absent)))
        raise UserError(
            f"{teacher} lacks {sum(absent)} of {len(texts)} training texts, {example} for one; teacher_missing=gold "
            "trains on their gold labels"
        )


def _fill(corpus: Corpus, source: str, store: Path) -> None:
    """Give the training texts that the file lacks their gold labels."""
    texts = corpus.inputs("train")
    absent = lacking(store, texts, len(corpus.labels))
    if any(absent):
        logger.warning(
            "teacher %s lacks %d of %d training texts: these have their gold labels", source, sum(absent), len(texts)
        )
        gold = compress(map(np.atleast_1d, corpus.gold_classes("train")), absent)
        store_gold(store, compress(texts, absent), gold, len(corpus.labels))


def _predicted(corpus: Corpus, split: str, source: str, store: Path) -> Gold:
    """The most likely label of each text of a split, or tag of each word; none if the file lacks one of the texts."""
    texts = corpus.inputs(split)
    absent = sum(lacking(store, texts, len(corpus.labels)))
    if absent:
        logger.warning("teacher %s lacks %d of %d %s texts: it has no score there", source, absent, len(texts), split)
        return []
    return likely_labels(store, texts, corpus.labels)
