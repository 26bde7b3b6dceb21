"""Plain text is cut as the training words were, in any script."""

import json
import re
import unicodedata

import pytest

from kdops.data.words import (
    WordRule,
    cutting_warnings,
    learn_word_rule,
    parts_of_text,
    script_without_spaces,
    share_cut_differently,
    words_of_text,
)


@pytest.mark.parametrize(
    "words",
    [
        ["देश", "की", "राजधानी", "दिल्ली", "है", "।"],
        ["दफ़्तर", "में", "क्\u200dष"],
        ["சென்னை", "நகரம்"],
        ["ประเทศ", "ที่"],
        ["ꦲꦏ꧀ꦱꦫ", "ꦗꦮ"],
        ["مُحَمَّدٌ", "رَسُولُ"],
        ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"],
        [unicodedata.normalize("NFD", word) for word in ("café", "Zürich", "Đà", "Nẵng")],
        ["❤\ufe0f", "👍🏽", "👩\u200d💻", "1\ufe0f\u20e3"],
        ["Nggak", "enak", ",", "deh", "!", "(", "100", "%", ")", "snake_case"],
    ],
)
def test_letters_keep_their_marks_in_every_script(words: list[str]) -> None:
    assert words_of_text(" ".join(words)) == words
    assert share_cut_differently([words], WordRule()) == 0


def test_without_spaces_other_characters_are_words_of_their_own() -> None:
    assert words_of_text("Al-Azhar(1,5)...") == ["Al", "-", "Azhar", "(", "1", ",", "5", ")", ".", ".", "."]
    assert words_of_text(" \n") == []


@pytest.mark.parametrize(
    ("training", "text", "words"),
    [
        # joiners inside words, and only those that the training words have
        (["anak-anak", "Al-Azhar", ",", "-"], "anak-anak, Jumat-Sabtu", ["anak-anak", ",", "Jumat-Sabtu"]),
        (["Jum'at", "dan", "-"], "Jum'at Al-Azhar", ["Jum'at", "Al", "-", "Azhar"]),
        # between digits is not between letters
        (["1,000", "3.5", ",", "."], "1,000 atau 3.5,ya.", ["1,000", "atau", "3.5", ",", "ya", "."]),
        # what leads and what trails words
        (["#tag", "@budi", "%"], "#kdops @ani: 5%", ["#kdops", "@ani", ":", "5", "%"]),
        (["#", "tag", "#", "dua", "#satu"], "#tag", ["#", "tag"]),
        (["It", "'s", "'s", "'", "boys"], "It's", ["It", "'s"]),
        (["50%", "Rome.", "Oslo,", "ya"], "Bali, 5%.", ["Bali,", "5%."]),
        # a mark repeated in one word
        (["...", "--", ".", "!"], "eh...! a--b", ["eh", "...", "!", "a", "--", "b"]),
        # a joiner next to a combining mark
        (["धीरे-धीरे"], "धीरे-धीरे चलो", ["धीरे-धीरे", "चलो"]),
    ],
)
def test_other_characters_stay_where_the_training_words_have_them(
    training: list[str], text: str, words: list[str]
) -> None:
    assert learn_word_rule([training]).cut(text) == words


def test_a_rare_joiner_among_many_marks_of_their_own_is_noise() -> None:
    once = [["a.b"], *[["."]] * 200]
    assert learn_word_rule(once).cut("end.Start") == ["end", ".", "Start"]
    assert learn_word_rule([*once, ["c.d"], ["e.f"]]).cut("end.Start") == ["end.Start"]


def test_sentences_that_are_cut_differently_are_counted() -> None:
    sentences = [["Al-Azhar", "ramai"], ["pulang", "."], [":)", "ya"]]
    assert share_cut_differently(sentences, WordRule()) == pytest.approx(2 / 3)
    assert share_cut_differently(sentences, learn_word_rule(sentences)) == pytest.approx(1 / 3)
    assert share_cut_differently([], WordRule()) == 0


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["ประเทศ", "ไทย", "ok"], "Thai"),
        (["東京", "に", "行く"], "Chinese or Japanese"),
        (["ꦲꦏ꧀ꦱꦫ"], "Javanese"),
        (["ភាសា", "ខ្មែរ"], "Khmer"),
        (["देश", "की"], None),
        (["한국어", "문장"], None),
        (["rumah"] * 20 + ["東京"], None),
        ([], None),
    ],
)
def test_scripts_without_spaces_are_known(words: list[str], script: str | None) -> None:
    assert script_without_spaces([words]) == script


def test_what_is_cut_differently_is_warned_of() -> None:
    assert cutting_warnings([["Budi", "pulang", "."]], WordRule()) == ()
    (share,) = cutting_warnings([["Al-Azhar"], ["pulang"]], WordRule())
    assert share.startswith("50.0% of the sentences are cut into other words when they come as text")
    (script,) = cutting_warnings([["ประเทศ", "ไทย"]], WordRule())
    assert script.startswith("Thai is written without spaces between words")


def test_a_pattern_can_be_written_down_and_is_readable() -> None:
    rule = learn_word_rule([["#a-b", "1,5", "...", "c."]])
    assert re.compile(json.loads(json.dumps(rule.pattern))).findall("x")
    assert rule.pattern.isascii()
    assert rule == WordRule(leading="#", trailing=".", between_letters="-", between_digits=",", repeated=".")


def test_cutting_takes_time_in_proportion_to_the_text() -> None:
    rule = WordRule(leading="#", trailing=".", between_letters="-", repeated="#")
    assert len(rule.cut("#" * 100_000)) == 1
    assert len(rule.cut("#-" * 50_000)) == 100_000
    assert len(rule.cut("a" * 100_000 + "-" * 100_000)) == 100_001


def test_parts_joined_are_the_text() -> None:
    text = " Nggak  enak,\tdeh!\ncafé "
    assert "".join(parts_of_text(text)) == text
    assert parts_of_text("a  b.") == ["a", "  ", "b", "."]
