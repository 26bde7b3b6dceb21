"""How far a bundle may be from what it was made from."""

from dataclasses import dataclass

LOGIT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """How far a bundle is from what it was made from, on real texts.

    Attributes:
        texts: Number of texts compared.
        max_logit_difference: Largest absolute difference of any logit.
        label_agreement: Share of the texts (words, for a token task) that get the same label.
        metric: The bundle's main metric on these texts.
        metric_difference: How much higher that of the original is; negative when the bundle's is higher.
        logit_tolerance: Largest logit difference that passes.
        agreement_needed: Smallest agreement that passes.
        metric_tolerance: Largest metric difference that passes.
    """

    texts: int
    max_logit_difference: float
    label_agreement: float
    metric: float
    metric_difference: float
    logit_tolerance: float = LOGIT_TOLERANCE
    agreement_needed: float = 1.0
    metric_tolerance: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the bundle may stand for its original."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it may not, in one line; empty when it may."""
        # Written so that a NaN fails.
        if not self.max_logit_difference <= self.logit_tolerance:
            return f"logits differ by up to {self.max_logit_difference:.2e}, more than {self.logit_tolerance:.0e}"
        if not self.label_agreement >= self.agreement_needed:
            return f"only {self.label_agreement:.4%} of the labels agree, {self.agreement_needed:.4%} needed"
        if not self.metric_difference <= self.metric_tolerance:
            return f"the main metric differs by {self.metric_difference:.4f}, more than {self.metric_tolerance:.4f}"
        return ""

    def numbers(self) -> dict[str, float]:
        """The measured values, by name."""
        return {
            "texts": self.texts,
            "max_logit_difference": self.max_logit_difference,
            "label_agreement": self.label_agreement,
            "metric_difference": self.metric_difference,
        }


class GateError(RuntimeError):
    """A bundle that may not stand for what it was made from."""

    def __init__(self, what: str, parity: Parity) -> None:
        super().__init__(f"{what}: {parity.reason}")
        self.parity = parity
