"""The run of a command that logs nothing."""


def name_unused_run(run_id: str, name: str) -> None:
    """Name the run that `mlflow run` made for a command, where it logs nothing: a plan or a typo, say."""
    from kdops.tracking.runs import name_unused

    name_unused(run_id, name)
