"""Entry point `distill`: finds or trains a teacher, and distills it into a student."""

from kdops.steps.distill.config import DistillConfig
from kdops.steps.parameters import options

from . import cli


def distill(**given: str) -> None:
    """Find or train the teacher, tune the student, measure both, and register the student as challenger."""
    config = cli.settings(DistillConfig, **given)
    cli.begins("distill")
    from kdops.steps.distill.step import distill as run_distill

    print(run_distill(config))


main = cli.program(distill, options(DistillConfig))

if __name__ == "__main__":
    main()
