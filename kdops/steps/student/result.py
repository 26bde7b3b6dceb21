"""The result of making a student."""

from collections.abc import Mapping
from dataclasses import dataclass

from kdops.deploy.tolerances import Parity

BUNDLE = "bundle"
"""The folder of a student's fp32 bundle, in the workspace and in its run."""


@dataclass(frozen=True)
class StudentFacts:
    """The facts of a tuned student whose fp32 bundle agrees with it.

    Attributes:
        student: which one.
        recipe: what it learned from.
        study: its Optuna study.
        best_trial: the number of the trial that it is.
        best_value: the validation score of that trial.
        best_parameters: the settings of that trial, by name.
        parameters: weights in all.
        parameters_without_embeddings: those outside the table of token embeddings.
        vocabulary_size: tokens in its vocabulary.
        unlabeled_texts: texts without labels that it learned from.
        logits_computed: texts that went through the teacher for it; the others were known.
        embedding_coverage: share of the tokens that the user's vector file holds; None without such a file.
        parity: how far its bundle is from it.
        words_cut_differently: share of the validation sentences that plain text is cut into other words than the data
            has; None for texts.
    """

    student: str
    recipe: str
    study: str
    best_trial: int
    best_value: float
    best_parameters: Mapping[str, float | str]
    parameters: int
    parameters_without_embeddings: int
    vocabulary_size: int
    unlabeled_texts: int
    logits_computed: int
    embedding_coverage: float | None
    parity: Parity
    words_cut_differently: float | None

    def metrics(self) -> dict[str, float]:
        """Its sizes, by the names that they are logged by."""
        sizes: dict[str, float] = {
            "parameters": self.parameters,
            "parameters_without_embeddings": self.parameters_without_embeddings,
            "vocabulary_size": self.vocabulary_size,
            "unlabeled_texts": self.unlabeled_texts,
            "teacher_logits_computed": self.logits_computed,
        }
        shares = {
            "embedding_coverage": self.embedding_coverage,
            "words_cut_differently": self.words_cut_differently,
        }
        return sizes | {name: share for name, share in shares.items() if share is not None}
