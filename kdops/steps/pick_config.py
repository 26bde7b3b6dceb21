"""The parameters of `pick`."""

from kdops.steps.promote.config import ChoiceConfig


class PickConfig(ChoiceConfig):
    """The parameters of `pick`."""
