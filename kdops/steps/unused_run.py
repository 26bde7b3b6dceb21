"""The run of a command that logs nothing."""


def name_unused_run(run_id: str, command: str) -> None:
    """Call the run that `mlflow run` made for a command after that, where it logs nothing: a plan or a typo, say."""
    from kdops.tracking.runs import name_unused

    name_unused(run_id, f"{command}: nothing to log")
