"""Entry point `pick`: the best registered version within the limits, and where it lies."""

from kdops.steps.parameters import options
from kdops.steps.pick_config import PickConfig

from . import cli


def pick(**given: str) -> None:
    """Say which registered version is best within the limits, where it lies and why; nothing is moved."""
    config = cli.settings(PickConfig, **given)
    cli.begins("pick")
    from kdops.steps.pick import pick as run_pick

    picked = run_pick(config)
    print(picked)
    picked.require_version()


main = cli.program(pick, options(PickConfig))

if __name__ == "__main__":
    main()
