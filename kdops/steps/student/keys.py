"""The keys of a student's inputs, its study and itself: known before any of them is made."""

from dataclasses import asdict

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.fingerprint import fingerprint
from kdops.steps.general_distillation.plan import GeneralPlan
from kdops.steps.student.budget import Budget
from kdops.steps.teacher.result import TeacherKeys
from kdops.training.recipes import Recipe
from kdops.workspace import STUDIES, file_digest

_NOT_COMPUTED = ("trials", "storage", "workers", "force")
"""The fields of a budget that do not change what one of its trials computes."""


def student_fingerprint(
    corpus: Corpus,
    teacher: TeacherKeys,
    recipe: Recipe,
    unlabeled: Unlabeled | None,
    budget: Budget,
    max_length: int,
    plan: GeneralPlan | None = None,
) -> str:
    """The key of a tuned student, whether it exists or not."""
    inputs = inputs_fingerprint(corpus, teacher, recipe, unlabeled, max_length, plan)
    return fingerprint(study_fingerprint(inputs, teacher, budget), budget.trials)


def study_fingerprint(inputs: str, teacher: TeacherKeys, budget: Budget) -> str:
    """The key of a study: of all but the number of trials, which may grow, and where and by how many workers it is run.

    Args:
        inputs: the fingerprint of the student's inputs.
        teacher: the keys of the teacher.
        budget: the training budget.
    """
    kept = {key: value for key, value in asdict(budget).items() if key not in _NOT_COMPUTED}
    if budget.init == "teacher":
        # Without distillation its weights are no part of the inputs.
        kept["init"] = teacher.work
    return fingerprint(STUDIES.version, inputs, kept)


def inputs_fingerprint(
    corpus: Corpus,
    teacher: TeacherKeys,
    recipe: Recipe,
    unlabeled: Unlabeled | None,
    max_length: int,
    plan: GeneralPlan | None = None,
) -> str:
    """The key of the inputs, without making them; where the teacher's weights play no part, its tokenizer does."""
    taught = recipe.distills or recipe.embeddings == "teacher"
    source = teacher.work if taught else "" if plan else teacher.tokenizer
    read = recipe.unlabeled or (recipe.knows_unlabeled and not plan)
    more = unlabeled.fingerprint if unlabeled and read else ""
    embeddings = file_digest(recipe.vector_file) if recipe.vector_file else recipe.embeddings
    start = "" if plan is None else plan.piece.key if recipe.general else plan.vocabulary_piece.key
    return fingerprint(corpus.fingerprint, source, recipe.name, embeddings, more, max_length, start)
