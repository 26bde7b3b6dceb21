"""The scores of a bundle, in the form that is deployed."""

from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.deploy.answers import said
from kdops.deploy.predictor import Inputs, Predictor
from kdops.metrics import Gold
from kdops.training.values import ModelScores


def predicted_labels(predictor: Predictor, inputs: Inputs) -> Gold:
    """What a bundle predicts for some inputs; see `said`."""
    return said(predictor.predict(inputs))


def bundle_scores(corpus: Corpus, bundle: Path) -> ModelScores:
    """Score a bundle on validation and test: the only look at the test split."""
    predictor = Predictor.load(bundle)
    validation, test = (predicted_labels(predictor, corpus.inputs(split)) for split in ("validation", "test"))
    return ModelScores.of(corpus, validation, test)
