"""What several tests of steps start from."""

import pytest
from taught import Taught, make_taught

from kdops.task import Task


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return make_taught(tmp_path_factory.mktemp("reviews"), Task.TEXT)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return make_taught(tmp_path_factory.mktemp("names"), Task.TOKEN)
