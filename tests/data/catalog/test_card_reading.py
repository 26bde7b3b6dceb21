from pathlib import Path

import pytest
from openpyxl import Workbook

from kdops.data.catalog import CATALOG
from kdops.data.catalog.card import Cleaning, DatasetCard
from kdops.data.catalog.formats import decode_escapes, read_click_id, read_csv, read_text_tsv
from kdops.data.catalog.reading import read_card
from kdops.data.raw import Example
from kdops.errors import UserError
from kdops.task import Task

SMILE = "\N{SMILING FACE WITH OPEN MOUTH AND SMILING EYES}"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("bukan escape: 50% / 'kutip'", "bukan escape: 50% / 'kutip'"),
        (r"baris\n\nlain\r", "baris  lain"),
        (r"lucu \xf0\x9f\x98\x84\xf0\x9f\x98\x84'", f"lucu {SMILE}{SMILE}'"),
        (r"antek\xc2\xb2 JIL", "antek\N{SUPERSCRIPT TWO} JIL"),
        (r"terpotong \xf0\x9f\x98\x84\xf0\x9f", f"terpotong {SMILE}"),
        (r"terpotong \xf0\x9f\x98\xa", "terpotong"),
        (r"terpotong\x'", "terpotong'"),
        ("terpotong\\", "terpotong"),
        (r"https:\/\/t.co", "https://t.co"),
        (r"\'teror\'", "'teror'"),
        (r"pintar \ud83d\ude04\u2026", f"pintar {SMILE}\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_escapes_are_decoded(escaped: str, text: str) -> None:
    assert decode_escapes(escaped) == text


def test_csv_with_quotes_line_breaks_and_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes('id,Text,HS\r\n1,"caf\xe9, ""enak""\nsekali",1\r\n2,hambar,0\r\n'.encode("latin-1"))
    rows = read_csv(path, text="Text", label="HS", names={"0": "no", "1": "yes"}, encoding="latin-1")
    assert list(rows) == [Example('caf\xe9, "enak"\nsekali', "yes", 2), Example("hambar", "no", 4)]


def test_csv_labels_are_lowercased_or_known(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nenak,Happy\nhambar,Sad\n", encoding="utf-8")
    assert [row.gold for row in read_csv(path, text="text", label="label")] == ["happy", "sad"]
    with pytest.raises(UserError, match=r"rows\.csv:3: unknown label 'Sad'"):
        list(read_csv(path, text="text", label="label", names={"Happy": "happy"}))


def test_workbook_of_click_id(tmp_path: Path) -> None:
    book = Workbook()
    rows = [(), ("title", "label", "label_score"), ("Judul", "clickbait", 1), ("Berita", "non-clickbait", 0)]
    for line, row in enumerate(rows, 1):
        for column, cell in enumerate(row, 1):
            book.worksheets[0].cell(line, column, cell)
    book.save(tmp_path / "main.xlsx")
    assert list(read_click_id(tmp_path / "main.xlsx")) == [
        Example("Judul", "clickbait", 3),
        Example("Berita", "non-clickbait", 4),
    ]


def test_card_is_read_cut_and_cleaned(tmp_path: Path) -> None:
    train, more = tmp_path / "train.tsv", tmp_path / "more.tsv"
    train.write_text("enak\\n\tgood\nhambar\tbad\n", encoding="utf-8")
    more.write_text("satu\tgood\ndua\\n\tbad\ntiga\tgood\n", encoding="utf-8")
    card = DatasetCard(
        name="little",
        task=Task.TEXT,
        files={"train": train, "validation": more},
        parser=read_text_tsv,
        labels=("bad", "good"),
        rows=(2, 2, 0),
        licence="MIT",
        citation="nobody",
        parts={"validation": slice(1, 3)},
        cleaning=Cleaning("escapes decoded", decode_escapes),
        notes=("small",),
    )
    raw = read_card(card)
    assert raw.rows == {
        "train": [Example("enak", "good", 1), Example("hambar", "bad", 2)],
        "validation": [Example("dua", "bad", 2), Example("tiga", "good", 3)],
    }
    assert raw.places == {"train": train, "validation": more}
    assert raw.notes == ("small", "escapes decoded: 2 texts")
    assert (raw.name, raw.labels, raw.licence, raw.citation) == ("little", ("bad", "good"), "MIT", "nobody")


@pytest.mark.usefixtures("mirror")
def test_hate_speech_has_no_escapes_left() -> None:
    raw = read_card(CATALOG["hate-speech"])
    assert list(raw.rows) == ["train"]
    assert len(raw.rows["train"]) == 13169
    assert not [row.input for row in raw.rows["train"] if "\\x" in row.input or "\\n" in row.input]
    assert raw.notes[-1].endswith(" decoded: 2555 texts")


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize(
    ("name", "example"),
    [
        (
            "clickbait",
            Example("Masuk Radar Pilwalkot Medan, Menantu Jokowi Bertemu DPW NasDem Sumut", "non-clickbait", 3),
        ),
        (
            "prdect-emotion",
            Example(
                "Alhamdulillah berfungsi dengan baik. Packaging aman. Respon cepat dan ramah. Seller dan kurir amanah",
                "happy",
                2,
            ),
        ),
    ],
)
def test_first_rows(name: str, example: Example) -> None:
    assert read_card(CATALOG[name]).rows["train"][0] == example
