"""Entry point `measure`: what any bundles cost on this machine, side by side."""

from kdops.steps.measure_config import MeasureConfig
from kdops.steps.parameters import options

from . import cli


def measure(**given: str) -> None:
    """Measure latency, CPU time, RAM and storage of bundles, and how they grow; log them when they are steady."""
    config = cli.settings(MeasureConfig, **given)
    cli.begins("measure")
    from kdops.steps.measure import measure as run_measure

    print(run_measure(config))


main = cli.program(measure, options(MeasureConfig))

if __name__ == "__main__":
    main()
