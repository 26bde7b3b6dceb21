"""Entry point `promote`: moves the alias `champion` to the best version within the limits, or back."""

from kdops.steps.parameters import options
from kdops.steps.promote.config import PromoteConfig

from . import cli


def promote(**given: str) -> None:
    """Promote the best registered version within the limits to champion, or go back to the previous one."""
    config = cli.settings(PromoteConfig, **given)
    cli.begins("promote")
    from kdops.steps.promote.step import promote as run_promote

    decision = run_promote(config)
    print(decision)
    decision.require_proposal()


main = cli.program(promote, options(PromoteConfig))

if __name__ == "__main__":
    main()
