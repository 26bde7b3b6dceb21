"""Entry point `main`: distills with its defaults, then lets `promote` decide whether the new student serves."""

from kdops.steps.distill.config import DistillConfig
from kdops.steps.limits import LimitsConfig
from kdops.steps.parameters import options
from kdops.steps.promote.config import PromoteConfig

from . import cli


def distill_and_promote(**given: str) -> None:
    """Distill with the defaults, then promote the student if it is no worse than the champion."""
    config = cli.settings(DistillConfig, **given)
    cli.begins("distill, then promote")
    from kdops.steps.distill.step import distill
    from kdops.steps.promote.step import promote

    print(distill(config))
    limits = {name: getattr(config, name) for name in LimitsConfig.model_fields}
    decision = promote(PromoteConfig(**config.data_described, **limits))
    print(decision)
    decision.require_proposal()


main = cli.program(distill_and_promote, options(DistillConfig))

if __name__ == "__main__":
    main()
