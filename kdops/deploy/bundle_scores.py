"""The scores of a bundle, in the form that is deployed."""

from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.deploy.answers import predicted_labels
from kdops.deploy.predictor import Predictor
from kdops.metrics import Gold
from kdops.progress import in_chunks
from kdops.training.values import ModelScores


def bundle_scores(corpus: Corpus, bundle: Path) -> ModelScores:
    """Score a bundle on validation and test: the only look at the test split."""
    predictor = Predictor.load(bundle)
    validation, test = (bundle_answers(corpus, split, predictor) for split in ("validation", "test"))
    return ModelScores.of(corpus, validation, test)


def bundle_answers(corpus: Corpus, split: str, predictor: Predictor) -> Gold:
    """The labels that a bundle predicts for a split.

    Always asked in the same batches, so that the score of a bundle is one number: an int8 graph rounds each batch by
    its own largest activation, and a text in doubt may get another label beside other texts.
    """
    return predicted_labels(in_chunks(corpus.inputs(split), predictor.predict, f"answers of the bundle: {split}"))
