"""Several labels per text and values of aspects, in each form that files have them in; each fault is one line."""

import json
from pathlib import Path

import pytest

from kdops.data.corpus import load_corpus
from kdops.data.raw import DataOptions, Example
from kdops.data.user_data import read_own
from kdops.errors import UserError
from kdops.task import Task


def rows_of(path: Path, content: str, **options: object) -> list[Example]:
    path.write_text(content, encoding="utf-8")
    return list(read_own(str(path), DataOptions(**options)).rows["train"])  # type: ignore[arg-type]


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows)


class TestLabels:
    def test_the_same_rows_in_five_forms(self, tmp_path: Path) -> None:
        expected = [("enak", ["food"]), ("ramah dan enak", ["food", "staff"]), ("biasa", [])]
        forms = {
            "list.jsonl": (
                lines(*({"text": text, "labels": labels} for text, labels in expected)),
                {},
            ),
            "marks.csv": ("text,food,staff\nenak,1,0\nramah dan enak,1,1\nbiasa,0,0\n", {}),
            "named.csv": (
                "n,text,food,staff\n1,enak,1,0\n0,ramah dan enak,1,1\n7,biasa,0,0\n",
                {"label_column": "food,staff"},
            ),
            "cell.tsv": (
                "text\tlabel\nenak\tfood\nramah dan enak\tfood|staff\nbiasa\t\n",
                {"task": Task.MULTI_LABEL},
            ),
            "numbers.tsv": (
                "enak\t1\t0\nramah dan enak\t1\t1\nbiasa\t0\t0\n",
                {"text_column": "1", "label_column": "2,3"},
            ),
        }
        for name, (content, options) in forms.items():
            read = rows_of(tmp_path / name, content, **options)
            names = {"2": "food", "3": "staff"}
            assert [(row.input, [names.get(one, one) for one in row.names]) for row in read] == expected, name
            assert {row.task for row in read} == {Task.MULTI_LABEL}

    def test_an_empty_label_says_how_a_text_may_have_none(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r":2: an empty label$"):
            rows_of(tmp_path / "data.jsonl", lines({"text": "a", "label": "x"}, {"text": "b", "label": ""}))
        with pytest.raises(UserError, match=r"task=multi-label-classification lets texts have none"):
            rows_of(tmp_path / "data.jsonl", lines({"text": "a", "label": ["x"]}, {"text": "b", "label": []}))

    def test_texts_without_labels_are_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "data.jsonl"
        path.write_text(
            lines({"text": "a", "label": ["x", "y"]}, {"text": "b", "label": []}, {"text": "c", "label": ["y"]})
        )
        notes = read_own(str(path), DataOptions()).notes
        assert notes == ("texts have any number of labels: 2 do not have just one, 1 of them none",)

    def test_other_values_in_columns_of_0_and_1(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r":3: column 'staff' holds \"2\" where the others hold 0 and 1; name the"):
            rows_of(tmp_path / "data.csv", "text,food,staff\na,1,0\nb,0,2\n")

    def test_a_column_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"label_column=price is not a column"):
            rows_of(tmp_path / "data.csv", "text,food,staff\na,1,0\n", label_column="food,price")


class TestAspects:
    TABLE = "text,food,staff\nenak,positive,neutral\nbasi,negative,neutral\nramah,neutral,positive\n"
    GOLD = (
        ["food:positive", "staff:neutral"],
        ["food:negative", "staff:neutral"],
        ["food:neutral", "staff:positive"],
    )

    def test_the_same_rows_in_three_forms(self, tmp_path: Path) -> None:
        values = [{"food": "positive", "staff": "neutral"}, {"staff": "neutral", "food": "negative"}]
        values += [{"food": "neutral", "staff": "positive"}]
        texts = ("enak", "basi", "ramah")
        objects = lines(*({"text": text, "aspects": one} for text, one in zip(texts, values, strict=True)))
        forms = (
            ("named.csv", self.TABLE, {"label_column": "food,staff"}),
            ("task.csv", self.TABLE, {"task": Task.ASPECTS}),
            ("objects.jsonl", objects, {}),
        )
        for name, content, options in forms:
            read = rows_of(tmp_path / name, content, **options)
            assert [row.gold for row in read] == list(self.GOLD), name
            assert {row.task for row in read} == {Task.ASPECTS}

    def split(self, folder: Path, split: str, *rows: tuple[str, dict[str, str]]) -> None:
        content = lines(*({"text": text, "aspects": values} for text, values in rows))
        (folder / f"{split}.jsonl").write_text(content, encoding="utf-8")

    def folder(self, folder: Path) -> Path:
        for split in ("train", "validation", "test"):
            self.split(
                folder, split, ("enak", {"food": "good", "staff": "none"}), ("ramah", {"food": "none", "staff": "good"})
            )
        return folder

    def test_labels_of_an_aspect_stand_together(self, tmp_path: Path) -> None:
        corpus = load_corpus(str(self.folder(tmp_path)))
        assert (corpus.task, corpus.main_metric) == (Task.ASPECTS, "f1_macro")
        assert corpus.labels == ("food:good", "food:none", "staff:good", "staff:none")
        assert corpus.gold("test") == [["food:good", "staff:none"], ["food:none", "staff:good"]]

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"food": "good"}, r"test\.jsonl:1: no value of aspect 'staff'"),
            (
                {"food": "good", "price": "none"},
                r":1: aspect 'price' never stands in train, which has: food",
            ),
            ({"food": "good", "staff": "bad"}, r"test\.jsonl:1: unknown label 'staff:bad'; choose one of: food:good"),
            ({"food": "good", "staff": ""}, r"test\.jsonl:1: aspect 'staff' has no value, found \"\""),
            ({"food": "good", "st:aff": "bad"}, r"test\.jsonl:1: aspect 'st:aff': the name of an aspect must not"),
        ],
    )
    def test_faults(self, values: dict[str, str], message: str, tmp_path: Path) -> None:
        folder = self.folder(tmp_path)
        self.split(folder, "test", ("basi", values), ("ramah", {"food": "none", "staff": "good"}))
        with pytest.raises(UserError, match=message):
            load_corpus(str(folder))

    def test_an_aspect_with_one_value_teaches_nothing(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path)
        for split in ("train", "validation", "test"):
            self.split(folder, split, ("a", {"food": "good", "staff": "x"}), ("b", {"food": "none", "staff": "x"}))
        with pytest.raises(UserError, match=r"aspect 'staff' is 'x' in every row of train; leave it out"):
            load_corpus(str(folder))
