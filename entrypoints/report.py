"""Entry point `report`: tables and figures over finished runs."""

from typing import Annotated

from typer import Option

from entrypoints import cli


def report(
    datasets: Annotated[
        str, Option(help="Data sets with commas between them; by default all that there are finished runs of.")
    ] = "default",
    user: Annotated[str, Option(help="Whose runs: a name on the tracking server; by default everybody's.")] = "default",
    output: Annotated[str, Option(help="Folder to write the page and its images into.")] = "default",
) -> None:
    """Write which student is best, at what cost: one page of HTML and images, from finished runs of distill."""
    parameters = locals()
    from kdops.steps.report import ReportConfig
    from kdops.steps.report import report as run_report

    print(run_report(cli.settings(ReportConfig, **parameters)))


main = cli.program(report)

if __name__ == "__main__":
    main()
