"""Scores on their way from a model to its run."""

from collections.abc import Mapping

from tokenizers import Tokenizer

from kdops.data.corpus import Corpus
from kdops.data.encoding import encode
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


def prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """The same values under names that begin with a prefix."""
    return {prefix + name: value for name, value in values.items()}
