"""The parameters of `report`."""

from pathlib import Path

from pydantic import field_validator

from kdops.steps.parameters import Names, StepConfig, parameter


class ReportConfig(StepConfig):
    """The parameters of `report`."""

    datasets: Names | None = parameter(None, "Data sets, separated by commas; auto: all that have finished runs.")
    user: str | None = parameter(
        None, "Whose runs: a name as in the column Created by of the MLflow UI; auto: everybody's."
    )
    output: Path = parameter(Path("report"), "Folder for the page and its images.")

    @field_validator("output")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        if value.exists() and not value.is_dir():
            raise ValueError("there is a file of that name; give a folder")
        return value
