"""Span tags in any spelling become B-TYPE and I-TYPE, or are refused by name."""

from pathlib import Path

import pytest

from kdops.data.corpus import load_corpus
from kdops.data.raw import Example
from kdops.data.schemes import to_iob2
from kdops.data.tag_spellings import usual_spelling
from kdops.errors import UserError

USUAL = ["B-PER", "I-PER", "O", "B-LOC"]
SEPARATORS = "-_:/.| "


def rewritten(tags: list[str]) -> list[str]:
    rows, _ = usual_spelling({"train": [Example(["w"] * len(tags), tags, 1)]})
    gold = rows["train"][0].gold
    assert isinstance(gold, list)
    return gold


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("suffix", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_every_separator_order_and_case(separator: str, suffix: bool, lower: bool) -> None:
    def spelled(tag: str) -> str:
        letter, _, kind = tag.partition("-")
        if not kind:
            return tag
        letter = letter.lower() if lower else letter
        return f"{kind}{separator}{letter}" if suffix else f"{letter}{separator}{kind}"

    assert rewritten([spelled(tag) for tag in USUAL]) == USUAL


def test_what_was_done_is_said() -> None:
    rows = {"train": [Example(["a", "b", "c"], ["PER-B", "PER-I", "O"], 1)]}
    found, notes = usual_spelling(rows)
    assert found["train"] == [Example(["a", "b", "c"], ["B-PER", "I-PER", "O"], 1)]
    assert notes == ("2 of 3 different tags are read in the usual spelling: PER-B as B-PER, PER-I as I-PER",)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["B-NAME", "M-NAME", "E-NAME", "O", "S-LOC"], ["B-NAME", "I-NAME", "I-NAME", "O", "B-LOC"]),
        (["B_NAME", "M_NAME", "E_NAME", "O"], ["B-NAME", "I-NAME", "I-NAME", "O"]),
        (["B", "M", "E", "S"], ["B-SPAN", "I-SPAN", "I-SPAN", "B-SPAN"]),
        (["B", "M", "E", "O", "S"], ["B-SPAN", "I-SPAN", "I-SPAN", "O", "B-SPAN"]),
        (["B", "I", "O", "B"], ["B-SPAN", "I-SPAN", "O", "B-SPAN"]),
        (["b", "i", "o"], ["B-SPAN", "I-SPAN", "O"]),
        (["B-creative-work", "I-creative-work", "o"], ["B-creative-work", "I-creative-work", "O"]),
        (["creative-work_B", "creative-work_I", "O"], ["B-creative-work", "I-creative-work", "O"]),
        (["PER-S", "LOC-B", "LOC-E", "O"], ["B-PER", "B-LOC", "I-LOC", "O"]),
    ],
)
def test_other_schemes_become_iob2(tags: list[str], spans: list[str]) -> None:
    rows, _ = usual_spelling({"train": [Example(["w"] * len(tags), tags, 1)]})
    brought, _ = to_iob2(rows, "auto", {"train": Path("train.conll")})
    assert brought["train"][0].gold == spans


@pytest.mark.parametrize(
    "tags",
    [
        USUAL,
        ["S-PER", "B-LOC", "E-LOC", "O"],
        ["NN", "VB", "O"],
        ["NN", "B", "-LRB-", "I"],
        ["B", "S"],
        ["B_PER", "NN"],
        ["B-PER", "LOC-B"],
        ["I_a", "I_b"],
    ],
)
def test_usual_tags_and_those_that_are_unclear_stay(tags: list[str]) -> None:
    assert rewritten(tags) == tags


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        (["NN", "VB", "X", "PER-B"], "PER-B"),
        (["NN", "VB", "X", "B:PER"], "B:PER"),
        (["NN", "VB", "X", "PER/I"], "PER/I"),
        (["I_a", "I_b"], "I_a"),
    ],
)
def test_what_is_unclear_is_refused_by_name(tags: list[str], named: str) -> None:
    with pytest.raises(UserError, match=rf"train\.conll:1: tag '{named}' looks like part of a span"):
        to_iob2({"train": [Example(["w"] * len(tags), tags, 1)]}, "auto", {"train": Path("train.conll")})


def test_a_file_with_the_letter_behind_is_scored_as_spans(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        content = "Budi\tPER-B\nSantoso\tPER-I\npulang\tO\n\nke\tO\nSolo\tLOC-B\n"
        (tmp_path / f"{split}.conll").write_text(content.replace("pulang", f"pulang{split}"))
    corpus = load_corpus(str(tmp_path))
    assert corpus.labels == ("O", "B-LOC", "B-PER", "I-PER")
    assert corpus.main_metric == "f1_entity_macro"
    assert corpus.gold("test") == [["B-PER", "I-PER", "O"], ["O", "B-LOC"]]
    assert "PER-B as B-PER" in corpus.notes[-1]
