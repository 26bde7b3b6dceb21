"""The scores of a bundle, in the form that is deployed."""

from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.deploy.answers import predicted_labels
from kdops.deploy.predictor import Predictor
from kdops.progress import in_chunks
from kdops.training.values import ModelScores


def bundle_scores(corpus: Corpus, bundle: Path) -> ModelScores:
    """Score a bundle on validation and test: the only look at the test split."""
    predictor = Predictor.load(bundle)
    validation, test = (
        predicted_labels(in_chunks(corpus.inputs(split), predictor.predict, f"answers of the bundle: {split}"))
        for split in ("validation", "test")
    )
    return ModelScores.of(corpus, validation, test)
