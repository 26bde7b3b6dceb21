"""The parameters of `measure`."""

from kdops.steps.data_config import DataConfig
from kdops.steps.parameters import parameter


class MeasureConfig(DataConfig):
    """The parameters of `measure`."""

    model: str = parameter(
        ...,
        "Models to measure, separated by commas: registered versions (models:/kdops-smsa@champion, "
        "models:/kdops-smsa/3), ids of runs, folders of bundles.",
    )
    dataset: str | None = parameter(  # type: ignore[assignment]
        None, "Data set whose validation texts are sent; auto: the first model's own."
    )
    threads: int = parameter(1, "CPU threads of each model.", ge=1)
    rounds: int = parameter(5, "Turns; in each of them every model runs in a fresh process.", ge=3)
    max_spread: float = parameter(
        0.1, "Publish nothing when the middle half of the turns differs by more than this share.", gt=0
    )
    teacher: bool = parameter(True, "Measure the teachers of the models as well, where the store knows them.")
    sweeps: bool = parameter(True, "Draw curves over text length, batch size, threads and number of requests.")
