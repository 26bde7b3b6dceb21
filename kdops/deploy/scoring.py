"""The scores of a bundle, in the form that is deployed."""

from pathlib import Path
from typing import cast

from kdops.data.corpus import Corpus
from kdops.deploy.predictor import Inputs, Predictor, TextPrediction
from kdops.metrics import Gold
from kdops.training.values import ModelScores


def predicted_labels(predictor: Predictor, inputs: Inputs) -> Gold:
    """What a bundle predicts: a label for each text, or a list of tags."""
    predictions = predictor.predict(inputs)
    return cast(Gold, [one.label if isinstance(one, TextPrediction) else list(one.tags) for one in predictions])


def bundle_scores(corpus: Corpus, bundle: Path) -> ModelScores:
    """Score a bundle on validation and test: the only look at the test split."""
    predictor = Predictor.load(bundle)
    validation, test = (predicted_labels(predictor, corpus.inputs(split)) for split in ("validation", "test"))
    return ModelScores.of(corpus, validation, test)
