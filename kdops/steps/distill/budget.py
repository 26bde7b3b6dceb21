"""The budgets of a student and of its baseline, which get as many training steps."""

from math import ceil

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.steps.distill.config import DistillConfig
from kdops.steps.student.budget import Budget


def student_budget(config: DistillConfig, corpus: Corpus, unlabeled: Unlabeled | None) -> Budget:
    """The budget of a student; the recipe must be resolved."""
    return config.budget(_rows(config, corpus, unlabeled))


def baseline_budget(config: DistillConfig, corpus: Corpus, unlabeled: Unlabeled | None) -> Budget:
    """The budget of the student without distillation: as many trials, each of at least as many training steps."""
    labeled, rows = len(corpus.rows["train"]), _rows(config, corpus, unlabeled)
    return config.budget(rows).over_fewer_rows(ceil(rows / labeled))


def _rows(config: DistillConfig, corpus: Corpus, unlabeled: Unlabeled | None) -> int:
    """The texts that the recipe trains on, labeled or not."""
    return len(corpus.rows["train"]) + (len(unlabeled or []) if config.chosen_recipe.unlabeled else 0)
