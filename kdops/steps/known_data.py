"""Own data by the name that finished runs have for it, so that its files need not be named again."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from kdops.data.catalog import CATALOG
from kdops.data.readers.by_suffix import is_path
from kdops.errors import UserError, unknown
from kdops.steps.data_config import DataConfig
from kdops.tracking import names
from kdops.tracking.finished import read_finished
from kdops.tracking.names import Role
from kdops.tracking.places import store_place

Data = TypeVar("Data", bound=DataConfig)


def as_read(params: Mapping[str, str], dataset: str) -> DataConfig:
    """The data set as a run read it.

    Args:
        params: the parameters that the run logged.
        dataset: its name, where they do not say where it is.
    """
    given = {name: params.get(names.CONFIG_PREFIX + name, "None") for name in DataConfig.model_fields}
    given["dataset"] = params.get(names.CONFIG_PREFIX + names.DATA, dataset)
    return DataConfig.model_validate({name: value for name, value in given.items() if value != "None"})


def by_name(config: Data) -> Data:
    """The same parameters; of own data that is only named, with what the newest finished run read under that name.

    Raises:
        UserError: it is no path and no name of the catalogue, and no finished run has that name for its data.
    """
    if config.dataset in CATALOG or is_path(config.dataset) or Path(config.dataset).exists():
        return config
    students = read_finished(Role.STUDENT)
    for one in students:
        if one.dataset == config.corpus_name:
            read = as_read(one.params, one.dataset)
            return config.model_copy(update={name: getattr(read, name) for name in read.model_fields_set})
    known = sorted({one.dataset for one in students})
    choices = unknown("dataset", config.dataset, [*(known or CATALOG), "a folder or file of your own"])
    raise choices if known else UserError(f"{choices}; nothing was distilled yet in {store_place()}")
