"""Entry point `measure`: what any bundles cost on this machine, side by side."""

from typing import Annotated

from typer import Option

from entrypoints import cli, options


def measure(
    model: Annotated[
        str,
        Option(
            help="What to measure, separated by commas: registered versions (models:/kdops-smsa@champion, "
            "models:/kdops-smsa/3), ids of runs, folders of bundles."
        ),
    ],
    dataset: Annotated[
        str, Option(help="Data set whose validation texts are sent; by default the first model's own.")
    ] = "default",
    name: options.Name = "default",
    text_column: options.TextColumn = "default",
    label_column: options.LabelColumn = "default",
    scheme: options.Scheme = "default",
    drop_leaks: options.DropLeaks = "false",
    threads: options.Threads = "default",
    rounds: Annotated[str, Option(help="Turns, each of every model in a fresh process.")] = "default",
    max_spread: Annotated[
        str, Option(help="Nothing is published when the middle half of the turns differs by more than this share.")
    ] = "default",
    teacher: Annotated[str, Option(help="false: leave out the teachers that the store knows.")] = "true",
    sweeps: Annotated[
        str, Option(help="false: no curves over text length, batch size, threads and number of requests.")
    ] = "true",
) -> None:
    """Measure latency, CPU time, RAM and storage of bundles, and how they grow; log them when they are steady."""
    parameters = locals()
    from kdops.steps.measure import MeasureConfig
    from kdops.steps.measure import measure as run_measure

    print(run_measure(cli.settings(MeasureConfig, **parameters)))


main = cli.program(measure)

if __name__ == "__main__":
    main()
