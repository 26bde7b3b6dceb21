"""Scores on their way from a model to its run."""

import json
from collections.abc import Mapping
from typing import cast

from tokenizers import Tokenizer

from kdops.data.corpus import Corpus, Gold
from kdops.data.encoding import encode
from kdops.deploy.predictor import Predictor, TextPrediction
from kdops.measure.cost import Cost
from kdops.metrics import by_class, confusion, score
from kdops.steps.figures import confusion_matrix
from kdops.tracking import names, runs
from kdops.training.loop import Epoch
from kdops.training.scoring import LabeledTexts


def labeled(corpus: Corpus, split: str, tokenizer: Tokenizer, pad_id: int, max_length: int) -> LabeledTexts:
    """A split in a model's tokens, with its gold labels, for scoring that model."""
    encoded = encode(tokenizer, corpus.inputs(split), corpus.task, max_length)
    return LabeledTexts(encoded, corpus.gold(split), corpus.task, corpus.labels, pad_id)


def log_epoch(run: runs.Run, epoch: Epoch) -> None:
    """Log an epoch's losses and validation scores as the next point of each curve."""
    run.metrics(
        prefixed(names.EPOCH_LOSS_PREFIX, epoch.losses) | prefixed(names.EPOCH_SCORE_PREFIX, epoch.scores), epoch.number
    )


def predicted_labels(predictor: Predictor, corpus: Corpus, split: str) -> Gold:
    """What a deployed student says to a split: a label a text, or a list of tags."""
    predictions = predictor.predict(corpus.inputs(split))
    return cast(Gold, [one.label if isinstance(one, TextPrediction) else list(one.tags) for one in predictions])


def log_final_scores(run: runs.Run, corpus: Corpus, predictor: Predictor) -> None:
    """Score a student in the form that is deployed, and log it: the only look at the test split."""
    for split, prefix in (("validation", names.VALIDATION_PREFIX), ("test", names.TEST_PREFIX)):
        predicted = predicted_labels(predictor, corpus, split)
        run.metrics(prefixed(prefix, score(corpus.task, corpus.labels, corpus.gold(split), predicted)))
    log_classes(run, corpus, predicted)
    rows = zip(corpus.gold("test"), predicted, strict=True)
    lines = (json.dumps({"gold": gold, "predicted": said}, ensure_ascii=False) for gold, said in rows)
    run.text("\n".join(lines), names.PREDICTIONS)


def log_classes(run: runs.Run, corpus: Corpus, predicted: Gold) -> None:
    """Log how well each class was told from the others on the test split: counts, scores and a picture."""
    asked = (corpus.task, corpus.labels, corpus.gold("test"), predicted)
    counts = confusion(*asked)
    run.figure(confusion_matrix(counts, corpus.labels), "confusion_matrix.png")
    told = {"labels": list(corpus.labels), "confusion": counts.tolist(), "classes": by_class(*asked)}
    run.text(json.dumps(told, ensure_ascii=False), names.BY_CLASS)


def cost_metrics(costs: Cost, teacher: Cost) -> dict[str, float]:
    """A student's costs, its teacher's, and how many times cheaper it is, as the metrics of its run."""
    return {
        **prefixed(names.COST_PREFIX, costs.metrics()),
        **prefixed(names.TEACHER_COST_PREFIX, teacher.metrics()),
        **prefixed(names.RATIO_PREFIX, costs.ratios(teacher)),
    }


def prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """The same values under names that begin with a prefix."""
    return {prefix + name: value for name, value in values.items()}
