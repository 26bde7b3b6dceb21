"""Tests of own data that is named as finished runs call it."""

from pathlib import Path

import pytest

from kdops.errors import UserError
from kdops.steps.known_data import by_name
from kdops.steps.promote.config import ChoiceConfig
from kdops.tracking import names, runs
from kdops.tracking.names import Role


@pytest.fixture
def distilled(tracking_uri: str) -> None:
    """A finished student of data that lay at /data/reviews.csv."""
    runs.connect()
    config = {"dataset": "reviews", "data": "/data/reviews.csv", "text_column": "comment", "label_column": None}
    with runs.tracked(Role.STUDENT, "bilstm kd reviews", config=config, tags={names.DATASET: "reviews"}):
        pass


@pytest.mark.usefixtures("distilled")
class TestByName:
    def test_own_data_is_read_as_the_newest_run_read_it(self) -> None:
        found = by_name(ChoiceConfig(dataset="reviews", max_ram_mb=90))
        assert (found.dataset, found.text_column, found.label_column) == ("/data/reviews.csv", "comment", None)
        assert found.max_ram_mb == 90

    def test_what_is_no_such_name_stays(self, tmp_path: Path) -> None:
        for dataset in ("terma", "./elsewhere", str(tmp_path)):
            config = ChoiceConfig(dataset=dataset)
            assert by_name(config) is config

    def test_an_unknown_name_is_told_with_the_known_ones(self) -> None:
        with pytest.raises(UserError, match="unknown dataset 'review'; choose one of: reviews, a folder or file"):
            by_name(ChoiceConfig(dataset="review"))
