from pathlib import Path

import pytest

from kdops.data.inputs import Pair, Text
from kdops.data.stored_texts import read_texts, write_texts

PAIRS: list[Text] = [Pair(text="Di mana?", text_pair="Di Solo."), Pair(text="Siapa?", text_pair="")]
WORDS: list[Text] = [["Ani", "ke", "Bali"], ["."]]
WORD_PAIRS: list[Text] = [Pair(text=["Di", "mana"], text_pair=["Di", "Solo", "."])]


@pytest.mark.parametrize(
    ("texts", "pairs", "of_words"),
    [
        (["enak", "", "Ubud,\nBali 🏝"], False, False),
        (WORDS, False, True),
        (PAIRS, True, False),
        (WORD_PAIRS, True, True),
        ([f"text {number}" for number in range(2_500)], False, False),
    ],
    ids=["texts", "words", "pairs", "pairs of words", "more than are read at once"],
)
def test_what_is_written_is_read(tmp_path: Path, texts: list[Text], pairs: bool, of_words: bool) -> None:
    write_texts(tmp_path / "texts.arrow", texts, pairs=pairs, of_words=of_words)
    assert list(read_texts(tmp_path / "texts.arrow")) == texts
