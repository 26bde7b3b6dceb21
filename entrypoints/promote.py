"""Entry point `promote`: moves the alias `champion` to the best version within the limits, or back."""

from typing import Annotated

from typer import Option

from entrypoints import cli, options


def promote(
    dataset: options.Dataset = "sample",
    name: options.Name = "default",
    text_column: options.TextColumn = "default",
    label_column: options.LabelColumn = "default",
    scheme: options.Scheme = "default",
    drop_leaks: options.DropLeaks = "false",
    min_f1_retained: Annotated[
        str, Option(help="Least share of the teacher's F1 on the test split; none: off.")
    ] = "none",
    max_latency_p95_ms: Annotated[str, Option(help="Most milliseconds a text, 95th percentile; none: off.")] = "none",
    max_ram_mb: Annotated[str, Option(help="Most peak memory of the serving process in MB; none: off.")] = "none",
    max_storage_mb: Annotated[str, Option(help="Most megabytes of the bundle on disk; none: off.")] = "none",
    threads: Annotated[str, Option(help="CPU threads that costs are measured with.")] = "default",
    reason: Annotated[str, Option(help="Why, in your own words; it is kept with the version.")] = "none",
    rollback: Annotated[str, Option(help="true: go back to the previous champion.")] = "false",
    dry_run: Annotated[str, Option(help="true: only say what would be done.")] = "false",
) -> None:
    """Promote the best registered version within the limits to champion, or go back to the previous one."""
    parameters = locals()
    from kdops.steps.promote.step import PromoteConfig
    from kdops.steps.promote.step import promote as run_promote

    print(run_promote(cli.settings(PromoteConfig, **parameters)))


main = cli.program(promote)

if __name__ == "__main__":
    main()
