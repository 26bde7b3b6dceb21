"""A bundle's predictions in the form that metrics score."""

from collections.abc import Sequence

from kdops.deploy.predictor import AspectsPrediction, LabelsPrediction, Prediction, TextPrediction
from kdops.metrics import Gold
from kdops.task import ASPECT_MARK


def predicted_labels(predictions: Sequence[Prediction]) -> Gold:
    """Return per text a label, or a list: of labels, of one value per aspect, or of tags."""
    return [_names(one) for one in predictions]


def _names(prediction: Prediction) -> str | list[str]:
    if isinstance(prediction, TextPrediction):
        return prediction.label
    if isinstance(prediction, LabelsPrediction):
        return list(prediction.labels)
    if isinstance(prediction, AspectsPrediction):
        return [f"{aspect}{ASPECT_MARK}{value}" for aspect, value in prediction.aspects.items()]
    return list(prediction.tags)
