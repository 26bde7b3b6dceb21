from pathlib import Path

import pytest

from kdops.fingerprint import content_fingerprint, fingerprint


def test_the_same_parts_have_the_same_name() -> None:
    assert fingerprint("kd", 3, {"b": 2, "a": 1}) == fingerprint("kd", 3, {"a": 1, "b": 2})
    # What is on disk is found by these names, so they must not change between versions.
    assert fingerprint("kd", 3) == "e798ab9d1f2f044e"
    assert fingerprint(Path("a")) == fingerprint("a")


@pytest.mark.parametrize("other", [("kd", 4), ("k", "d3"), ("kd3",), ("kd", "3"), (3, "kd"), ("kd", 3, None)])
def test_other_parts_have_another_name(other: tuple[object, ...]) -> None:
    assert fingerprint(*other) != fingerprint("kd", 3)


def test_texts_have_a_name_by_content_and_order() -> None:
    name = content_fingerprint(["satu", "dua"])
    assert len(name) == 16
    assert content_fingerprint(iter(["satu", "dua"])) == name
    for other in (["dua", "satu"], ["satudua"], ["satu", "du", "a"], ["satu", ["dua"]], ["satu", "dua", ""]):
        assert content_fingerprint(other) != name


def test_lists_of_words_are_not_their_joined_text() -> None:
    assert content_fingerprint([["a", "b"]]) == content_fingerprint([("a", "b")])
    assert content_fingerprint([["a", "b"]]) != content_fingerprint([["a b"]])
    assert content_fingerprint([["a"], ["b"]]) != content_fingerprint([["a", "b"]])


def test_any_text_has_a_name() -> None:
    assert content_fingerprint(["\ud800"]) != content_fingerprint(["\ufffd"])
