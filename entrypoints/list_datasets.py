"""Entry point `list_datasets`: prints the catalogue."""

from typing import Annotated

from typer import Option

from entrypoints import cli


def list_datasets(
    dataset: Annotated[
        str, Option(help="Name of the dataset to show in full, with citation and notes; none: a table of all.")
    ] = "none",
) -> None:
    """Print which datasets there are by name: task, classes, rows, main metric, licence, default teacher."""
    parameters = locals()
    from kdops.steps.list_datasets import ListConfig
    from kdops.steps.list_datasets import list_datasets as run_list_datasets

    print(run_list_datasets(cli.settings(ListConfig, **parameters)))


main = cli.program(list_datasets)

if __name__ == "__main__":
    main()
