import pytest

from kdops.data.keys import content_key, text_key
from kdops.data.words import words_of_text


def test_words_and_keys_of_texts() -> None:
    assert words_of_text("Nggak  enak, deh! (100%)") == ["Nggak", "enak", ",", "deh", "!", "(", "100", "%", ")"]
    assert text_key(" Nggak enak ,deh") == text_key(["nggak", "enak", ",", "DEH"])
    assert text_key("tidak enak") != text_key("enak tidak")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Enak sekali!", "enak sekali ."),
        ("makanan-nya #enak", ["makanan", "-", "nya", "enak"]),
        ("enak_sekali", "enaksekali"),
        ("enak \u2764\ufe0f", "enak"),
        ("STRASSE 5", "straße5"),
    ],
)
def test_same_letters_and_digits_are_the_same_text(first: str, second: str | list[str]) -> None:
    assert content_key(first) == content_key(second)


@pytest.mark.parametrize(
    ("first", "second"), [("enak", "enak 2"), ("!", "?"), ("😀", "🔥"), ("\u2764\ufe0f", "😀"), ("कि", "का"), ("", "!")]
)
def test_other_letters_digits_or_marks_alone_are_another_text(first: str, second: str) -> None:
    assert content_key(first) != content_key(second)
