"""Entry point `report`: tables and figures over finished runs."""

from kdops.steps.parameters import options
from kdops.steps.report_config import ReportConfig

from . import cli


def report(**given: str) -> None:
    """Write which student is best, at what cost: one page of HTML and images, from finished runs of distill."""
    config = cli.settings(ReportConfig, **given)
    cli.begins("report")
    from kdops.steps.report import report as run_report

    print(run_report(config))


main = cli.program(report, options(ReportConfig))

if __name__ == "__main__":
    main()
