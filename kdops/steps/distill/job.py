"""What a distillation starts from, checked before any of it is made."""

from dataclasses import dataclass

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.steps.distill.config import DistillConfig
from kdops.steps.general.plan import GeneralPlan
from kdops.steps.setup import CheckedCorpus
from kdops.tracking.recorder import Recorder


@dataclass(frozen=True)
class Job:
    """All that a distillation starts from.

    Attributes:
        config: the parameters.
        checked: the data.
        unlabeled: texts without labels, where the recipe or the teacher has a use for them.
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
