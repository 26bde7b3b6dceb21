"""The parameters of `pick`."""

from kdops.steps.promote.config import LimitsConfig


class PickConfig(LimitsConfig):
    """The parameters of `pick`."""
