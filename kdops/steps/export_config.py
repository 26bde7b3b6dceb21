"""The parameters of `export`."""

from pathlib import Path

from kdops.steps.parameters import StepConfig, parameter


class ExportConfig(StepConfig):
    """The parameters of `export`."""

    run_id: str = parameter(..., "The MLflow run that made the student or the teacher.")
    output: Path = parameter(Path("export"), "Folder for the bundles; each goes to a folder of its own, fp32 and int8.")
    dataset: str | None = parameter(None, "Its data set, if that has moved; auto: as the run read it.")
