"""The inputs of a distillation, checked before anything is made."""

from dataclasses import dataclass

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.steps.distill.config import DistillConfig
from kdops.steps.general_distillation.plan import GeneralPlan
from kdops.steps.setup import CheckedCorpus
from kdops.tracking.recorder import Recorder


@dataclass(frozen=True)
class Job:
    """The inputs of a distillation.

    Attributes:
        config: the parameters.
        checked: the data.
        unlabeled: texts without labels, where the recipe or the teacher uses them.
        plan: of the student's own vocabulary and its general distillation; None: neither is wanted.
        recorder: where runs go.
    """

    config: DistillConfig
    checked: CheckedCorpus
    unlabeled: Unlabeled | None
    plan: GeneralPlan | None
    recorder: Recorder

    @property
    def corpus(self) -> Corpus:
        """The data set."""
        return self.checked.corpus
