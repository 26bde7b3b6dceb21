"""Entry point `list_datasets`: prints the catalogue."""

from kdops.steps.list_datasets import ListConfig
from kdops.steps.list_datasets import list_datasets as run_list_datasets
from kdops.steps.parameters import options

from . import cli


def list_datasets(**given: str) -> None:
    """Print which datasets there are by name: task, classes, rows, main metric, licence, default teacher."""
    print(run_list_datasets(cli.settings(ListConfig, **given)))


main = cli.program(list_datasets, options(ListConfig))

if __name__ == "__main__":
    main()
