from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Token, Tokens

from kdops.data.raw import Example, Scheme
from kdops.data.schemes import marks_spans, orphans, to_iob2
from kdops.errors import UserError

PLACES = {"train": Path("train.conll"), "test": Path("test.conll")}
Spans = set[tuple[str, int, int]]


def brought(tags: list[str], scheme: Scheme = "auto") -> tuple[list[str], Scheme]:
    rows, found = to_iob2({"train": [Example(["w"] * len(tags), tags, 1)]}, scheme, PLACES)
    gold = rows["train"][0].gold
    assert isinstance(gold, list)
    return gold, found


def strict_spans(tags: list[str], scheme: type[Token]) -> Spans:
    """As seqeval reads them in its strict mode, with the last word of each."""
    return {(entity.tag, entity.start, entity.end - 1) for entity in Tokens(tags, scheme).entities}


def lenient_spans(tags: list[str]) -> Spans:
    return set(get_entities(tags))


@st.composite
def sentences(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Runs of words: a type, or O, and how many words long."""
    return draw(st.lists(st.tuples(st.sampled_from(["O", "PER", "LOC"]), st.integers(1, 4)), min_size=1, max_size=8))


def spelled(runs: list[tuple[str, int]], first: str, inside: str, last: str, single: str) -> list[str]:
    tags: list[str] = []
    for kind, length in runs:
        letters = [single] if length == 1 else [first, *[inside] * (length - 2), last]
        tags += ["O"] * length if kind == "O" else [f"{letter}-{kind}" for letter in letters]
    return tags


def iob1(runs: list[tuple[str, int]]) -> list[str]:
    tags = spelled(runs, "B", "I", "I", "B")
    before = ["O", *tags]
    return [
        f"I-{tag[2:]}" if tag.startswith("B-") and before[place][2:] != tag[2:] else tag
        for place, tag in enumerate(tags)
    ]


@pytest.mark.parametrize(
    ("tags", "scheme", "expected"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], "iob2", ["B-PER", "I-PER", "O", "B-LOC"]),
        (["I-PER", "I-PER", "B-PER", "I-LOC", "O"], "iob1", ["B-PER", "I-PER", "B-PER", "B-LOC", "O"]),
        (["S-PER", "B-LOC", "I-LOC", "E-LOC", "O"], "iobes", ["B-PER", "B-LOC", "I-LOC", "I-LOC", "O"]),
        (["U-PER", "B-LOC", "I-LOC", "L-LOC", "O"], "iobes", ["B-PER", "B-LOC", "I-LOC", "I-LOC", "O"]),
        (["NN", "VB", "O"], "plain", ["NN", "VB", "O"]),
        # parts of speech of IndoNLU: spans of one word each
        (["B-NNO", "B-NNO", "B-SYM"], "iob2", ["B-NNO", "B-NNO", "B-SYM"]),
        # one I- without a beginning among others is a fault, not another scheme
        (["B-PER", "I-PER", "O", "I-LOC"], "iob2", ["B-PER", "I-PER", "O", "I-LOC"]),
        (["O", "O"], "iob2", ["O", "O"]),
    ],
)
def test_scheme_is_found_and_brought_to_iob2(tags: list[str], scheme: Scheme, expected: list[str]) -> None:
    assert brought(tags) == (expected, scheme)
    assert brought(tags, scheme) == (expected, scheme)


@given(runs=sentences())
def test_spans_stay_what_seqeval_reads_in_each_scheme(runs: list[tuple[str, int]]) -> None:
    expected = spelled(runs, "B", "I", "I", "B")
    written: list[tuple[Scheme, type[Token], list[str]]] = [
        ("iob2", IOB2, expected),
        ("iob1", IOB1, iob1(runs)),
        ("iobes", IOBES, spelled(runs, "B", "I", "E", "S")),
        ("iobes", BILOU, spelled(runs, "B", "I", "L", "U")),
    ]
    for scheme, strict, tags in written:
        assert brought(tags, scheme)[0] == expected
        assert strict_spans(tags, strict) == strict_spans(expected, IOB2) == lenient_spans(expected)
        # what is found may be another scheme, but only where both read the same spans
        assert lenient_spans(brought(tags)[0]) == lenient_spans(expected)


def mixed(letters: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(["O", *(f"{letter}-{kind}" for letter in letters for kind in "XY")]), min_size=1)


@given(tags=mixed("BI"))
def test_any_tags_keep_their_spans_as_iob1(tags: list[str]) -> None:
    gold = brought(tags, "iob1")[0]
    assert lenient_spans(gold) == lenient_spans(tags)
    assert orphans(gold) == 0
    assert brought(tags, "iob2")[0] == tags


@given(tags=mixed("BIES"))
def test_spans_that_are_not_closed_or_not_begun_are_read_as_by_the_conll_script(tags: list[str]) -> None:
    gold = brought(tags, "iobes")[0]
    assert not {tag[0] for tag in gold} & set("ESLU")
    assert lenient_spans(gold) == lenient_spans(tags)


def test_scheme_is_that_of_train() -> None:
    rows = {
        "train": [Example(["a", "b"], ["I-PER", "O"], 1)],
        "test": [Example(["a", "b"], ["B-PER", "I-PER"], 4)],
    }
    gold, scheme = to_iob2(rows, "auto", PLACES)
    assert scheme == "iob1"
    assert gold["test"] == rows["test"]
    assert gold["train"] == [Example(["a", "b"], ["B-PER", "O"], 1)]


@pytest.mark.parametrize(
    ("scheme", "tag", "described"),
    [
        ("iob2", "PER", "IOB2 (O, B-TYPE or I-TYPE)"),
        ("iob2", "S-PER", "IOB2 (O, B-TYPE or I-TYPE)"),
        ("iob1", "B-", "IOB1 (O, I-TYPE or B-TYPE)"),
        ("iobes", "M-PER", "IOBES (O, B-, I-, E- or S-TYPE) or BILOU (O, B-, I-, L- or U-TYPE)"),
    ],
)
def test_tag_outside_the_scheme_is_named_with_its_line(scheme: Scheme, tag: str, described: str) -> None:
    rows = {"train": [Example(["a"], ["B-PER"], 1)], "test": [Example(["a"], ["O"], 1), Example(["a"], [tag], 7)]}
    with pytest.raises(UserError) as caught:
        to_iob2(rows, scheme, PLACES)
    assert str(caught.value) == f"test.conll:7: tag {tag!r} is not {described}"


def test_a_broken_tag_among_spans_is_not_taken_for_plain_tags() -> None:
    with pytest.raises(UserError, match=r"train\.conll:1: tag 'PER' is not IOB2"):
        brought(["B-PER", "I-PER", "O", "PER"])


def test_spans_are_not_scored_as_plain_tags() -> None:
    with pytest.raises(UserError, match=r"train\.conll: tags that are all O, B-TYPE or I-TYPE"):
        brought(["B-PER", "O"], "plain")


@pytest.mark.parametrize(
    ("tags", "named"),
    [(["b-per", "i-per", "O"], "b-per"), (["O", "B_PER"], "B_PER"), (["B-", "I-"], "B-"), (["O", "B", "I"], "B")],
)
def test_spans_of_no_known_scheme_are_plain_only_by_wish(tags: list[str], named: str) -> None:
    with pytest.raises(UserError) as caught:
        brought(tags)
    assert str(caught.value) == (
        f"train.conll:1: tag {named!r} looks like part of a span, but is not IOB2 (O, B-TYPE or I-TYPE); "
        "write it so, or give scheme=plain if each tag stands for itself"
    )
    assert brought(tags, "plain") == (tags, "plain")


def test_parts_of_speech_do_not_look_like_spans() -> None:
    tags = ["NN", "B", "-LRB-", "bei", "iobj", "S_x", "I-X"]
    assert brought(tags) == (tags, "plain")


def test_rows_of_texts_are_left_to_the_checks() -> None:
    rows = [Example(["a"], ["B-PER"], 1), Example("a", "good", 2)]
    assert to_iob2({"train": rows}, "auto", PLACES)[0]["train"] == rows


@pytest.mark.parametrize(
    ("labels", "spans"),
    [(("O", "B-PER", "I-PER"), True), (("B-NNO", "B-SYM"), True), (("O", "NN", "B-PER"), False), (("NN", "VB"), False)],
)
def test_labels_tell_spans_from_plain_tags(labels: tuple[str, ...], spans: bool) -> None:
    assert marks_spans(labels) is spans
