"""Data sets of the hub. None is at hand here: `load_dataset` is replaced, and the hub is a port that nobody serves."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import List as ListOf
from servers import free_port

from kdops.data.raw import DataOptions, Example
from kdops.data.readers import hub
from kdops.data.user_data import read_own
from kdops.errors import UserError

TEXTS = Features({"tweet": Value("string"), "sentiment": ClassLabel(names=["bad", "good"])})
WORDS = Features({"tokens": ListOf(Value("string")), "ner_tags": ListOf(ClassLabel(names=["O", "B-PER"]))})

Given = Callable[..., None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Makes the hub give these splits for any id."""

    def give(features: Features, **splits: dict[str, Any]) -> None:
        loaded = DatasetDict({name: Dataset.from_dict(rows, features=features) for name, rows in splits.items()})
        monkeypatch.setattr(hub, "load_dataset", lambda name: loaded)

    return give


def test_classes_have_their_names_and_splits_ours(given: Given) -> None:
    rows = {"tweet": ["enak", "hambar"], "sentiment": [1, 0]}
    given(TEXTS, train=rows, dev=rows, unsupervised=rows)
    raw = read_own("owner/reviews", DataOptions())
    assert raw.rows == {split: [Example("enak", "good", 1), Example("hambar", "bad", 2)] for split in raw.rows}
    assert list(raw.rows) == ["train", "validation"]
    assert raw.places["validation"] == Path("owner/reviews/validation")
    assert (raw.name, raw.citation, raw.unlabeled) == ("owner-reviews", "owner/reviews", None)


def test_words_and_tags(given: Given) -> None:
    given(WORDS, train={"tokens": [["Budi", "pergi"]], "ner_tags": [[1, 0]]})
    assert read_own("names", DataOptions()).rows["train"] == [Example(["Budi", "pergi"], ["B-PER", "O"], 1)]


def test_columns_by_name(given: Given) -> None:
    features = Features({"kalimat": Value("string"), "nilai": Value("int64")})
    given(features, train={"kalimat": ["enak"], "nilai": [1]})
    options = DataOptions(text_column="kalimat", label_column="nilai", name="Mine")
    raw = read_own("owner/reviews", options)
    assert (raw.rows["train"], raw.name) == ([Example("enak", "1", 1)], "mine")
    with pytest.raises(UserError, match=r"^owner/reviews/train:1: no column 'text'.*found: 'kalimat', 'nilai'"):
        read_own("owner/reviews", DataOptions())


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"validation": {"tweet": ["a"], "sentiment": [0]}}, "dataset 'owner/reviews' has no train split"),
        (
            {name: {"tweet": ["a"], "sentiment": [0]} for name in ("train", "valid", "dev")},
            "dataset 'owner/reviews' has several splits for validation: train, valid, dev",
        ),
        ({"train": {"tweet": [], "sentiment": []}}, "owner/reviews/train: no rows"),
        (
            {"train": {"tweet": ["a"], "sentiment": [-1]}},
            "owner/reviews/train:1: column 'sentiment' must be a name, found null",
        ),
        (
            {"train": {"tweet": ["a", None], "sentiment": [0, 1]}},
            "owner/reviews/train:2: column 'tweet' must be a string, found null",
        ),
    ],
)
def test_faults_are_named(splits: dict[str, Any], message: str, given: Given) -> None:
    given(TEXTS, **splits)
    with pytest.raises(UserError) as caught:
        read_own("owner/reviews", DataOptions())
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["smasa", "owner/nothing"])
def test_without_a_network_the_choices_are_named(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(UserError) as caught:
        read_own(name, DataOptions())
    message = str(caught.value)
    assert message.startswith(
        f"unknown dataset {name!r}: it is not on this machine and HF_HUB_OFFLINE is set; choose one of: sample, "
    )
    assert message.endswith(", or give the path of your own data, or the id of a hub data set")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("Dataset scripts are no longer supported, but found reviews.py"), "scripts are no longer supp"),
        (ValueError("Config name is missing.\nPlease pick one among the available configs: ['a', 'b']"), "['a', 'b']"),
    ],
)
def test_what_the_hub_says_is_one_line(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> DatasetDict:
        raise error

    monkeypatch.setattr(hub, "load_dataset", load)
    with pytest.raises(UserError) as caught:
        read_own("owner/reviews", DataOptions())
    assert str(caught.value).startswith("dataset 'owner/reviews' cannot be loaded from the hub: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_data_set_of_a_script_is_refused(tmp_path: Path) -> None:
    # `datasets` refuses scripts itself, wherever they are; a folder is the only place that needs no network.
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "reviews.py").write_text("raise SystemExit('it was run')\n")
    with pytest.raises(UserError, match=r"cannot be loaded from the hub: Dataset scripts are no longer supported"):
        hub.read_hub(str(tmp_path / "reviews"), {"train": "train"}, DataOptions(), "")


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_given_up_soon() -> None:
    code = (
        "import os, time\n"
        f"os.environ.update(HF_HUB_OFFLINE='0', HF_ENDPOINT='http://127.0.0.1:{free_port()}')\n"
        "from kdops.data.user_data import read_own\nfrom kdops.data.raw import DataOptions\n"
        "from kdops.data.readers import hub\nfrom kdops.errors import UserError\n"
        "started = time.monotonic()\n"
        "try:\n    read_own('owner/reviews', DataOptions())\n"
        "except UserError as error:\n    print(error)\n"
        "assert time.monotonic() - started < 10\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert line.startswith("unknown dataset 'owner/reviews': the hub does not answer (")
    assert "; set HF_HUB_OFFLINE=1 to read a copy on this machine, or choose one of: sample, " in line
