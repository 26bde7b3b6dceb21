"""Exports of annotation tools: doccano, Label Studio, Prodigy, spaCy and brat."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from kdops.data.corpus import load_corpus
from kdops.data.raw import DataOptions, RawDataset
from kdops.data.readers.spans import SpanError, TextSpan, tag_words
from kdops.data.user_data import read_own
from kdops.errors import UserError

TEXT = "Anna Frank visited Rome, Italy."
WORDS = ["Anna", "Frank", "visited", "Rome", ",", "Italy", "."]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "O"]
SPANS = [(0, 10, "PER"), (19, 23, "LOC"), (25, 30, "LOC")]
STUDIO = [{"start": start, "end": end, "text": TEXT[start:end], "labels": [kind]} for start, end, kind in SPANS]
PLAIN = "It rained."
BOTH = [(WORDS, TAGS), (["It", "rained", "."], ["O"] * 3)]


def load(path: Path, rows: list[Any], **options: Any) -> RawDataset:
    dump = json.dumps(rows) if path.suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(dump, encoding="utf-8")
    return read_own(str(path), DataOptions(**options))


def pairs(raw: RawDataset) -> list[tuple[Any, Any]]:
    return [(row.input, row.gold) for row in raw.rows["train"]]


def objects(start: str, end: str, name: str, **more: Any) -> list[dict[str, Any]]:
    return [{start: first, end: last, name: kind, **more} for first, last, kind in SPANS]


def studio(results: list[Any], **data: str) -> dict[str, Any]:
    return {"id": 1, "data": data, "annotations": [{"id": 5, "result": results, "was_cancelled": False}]}


def marked(value: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"value": value, "from_name": "label", "to_name": "text", "type": kind}


class TestSpans:
    @pytest.mark.parametrize("suffix", [".jsonl", ".json"])
    @pytest.mark.parametrize(
        "rows",
        [
            # doccano, older and newer
            [{"id": 1, "text": TEXT, "label": SPANS}, {"id": 2, "text": PLAIN, "label": []}],
            [
                {"id": 1, "text": TEXT, "entities": objects("start_offset", "end_offset", "label"), "relations": []},
                {"id": 2, "text": PLAIN, "entities": [], "relations": []},
            ],
            # spaCy
            [{"text": TEXT, "entities": SPANS}, {"text": PLAIN, "entities": []}],
            [[TEXT, {"entities": SPANS}], [PLAIN, {"entities": []}]],
            # Prodigy, with tokens of its own that are no words of ours
            [
                {
                    "text": TEXT,
                    "tokens": [{"text": "Anna", "start": 0, "end": 4, "id": 0}],
                    "spans": objects("start", "end", "label", token_start=0),
                    "_input_hash": 1,
                    "_task_hash": 2,
                    "answer": "accept",
                },
                {"text": PLAIN, "spans": [], "_input_hash": 3, "_task_hash": 4, "answer": "accept"},
            ],
            # Label Studio
            [
                studio([marked(value, "labels") for value in STUDIO], text=TEXT),
                studio([], text=PLAIN),
            ],
            [
                {"id": 1, "text": TEXT, "label": STUDIO, "annotator": 1, "annotation_id": 1, "lead_time": 2.5},
                {"id": 2, "text": PLAIN, "label": [], "annotator": 1, "annotation_id": 2, "lead_time": 1.0},
            ],
        ],
    )  # fmt: skip
    def test_each_tool_gives_the_same_words_and_tags(self, rows: list[Any], suffix: str, tmp_path: Path) -> None:
        assert pairs(load(tmp_path / f"data{suffix}", rows)) == BOTH

    def test_label_studio_writes_spans_into_cells_of_csv(self, tmp_path: Path) -> None:
        with (tmp_path / "data.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), (TEXT, json.dumps(STUDIO))])
        assert pairs(read_own(str(tmp_path / "data.csv"), DataOptions())) == BOTH[:1]

    def test_a_corpus_of_them_is_scored_as_spans(self, tmp_path: Path) -> None:
        for split in ("train", "validation", "test"):
            load(
                tmp_path / f"{split}.jsonl", [{"text": f"{TEXT} {split}", "label": SPANS}, {"text": PLAIN, "label": []}]
            )
        corpus = load_corpus(str(tmp_path))
        assert corpus.labels == ("O", "B-LOC", "B-PER", "I-PER")
        assert corpus.main_metric == "f1_entity_macro"

    def test_spans_inside_words_cut_them_and_are_counted(self, tmp_path: Path) -> None:
        raw = load(tmp_path / "data.jsonl", [{"text": "prorusia di Solo", "label": [[3, 8, "LOC"], [12, 16, "LOC"]]}])
        assert pairs(raw) == [(["pro", "rusia", "di", "Solo"], ["O", "B-LOC", "O", "B-LOC"])]
        assert raw.notes == ("data.jsonl: 1 spans that begin or end inside a word, which was cut there",)

    def test_of_overlapping_spans_the_longest_is_kept_and_the_rest_counted(self, tmp_path: Path) -> None:
        raw = load(tmp_path / "data.jsonl", [{"text": "Uni Bremen", "label": [[4, 10, "LOC"], [0, 10, "ORG"]]}])
        assert pairs(raw) == [(["Uni", "Bremen"], ["B-ORG", "I-ORG"])]
        assert raw.notes == ("data.jsonl: 1 spans left out: a longer one has some of their characters",)

    def test_blanks_at_the_ends_belong_to_no_span(self) -> None:
        tagged = tag_words("di Solo .", [TextSpan(2, 8, "LOC")])
        assert (tagged.words, tagged.tags, tagged.inside) == (["di", "Solo", "."], ["O", "B-LOC", "O"], 0)

    def test_browsers_count_emoji_as_two(self) -> None:
        text = "😀😀 Solo"
        tagged = tag_words(text, [TextSpan(5, 9, "LOC", "Solo")])
        assert (tagged.words, tagged.tags) == (["😀", "😀", "Solo"], ["O", "O", "B-LOC"])

    @pytest.mark.parametrize(
        ("label", "message"),
        [
            ([[0, 99, "PER"]], r"span 0 to 99 \(PER\) ends beyond the text of 31 characters"),
            ([[5, 5, "PER"]], r"span 5 to 5 \(PER\) is empty"),
            ([[-1, 4, "PER"]], r"span -1 to 4 \(PER\) is empty"),
            ([[4, 5, "PER"]], r"span 4 to 5 \(PER\) holds no word"),
            ([{"start": 0, "end": 4, "label": "PER", "text": "Budi"}], r"should be 'Budi', found 'Anna'"),
        ],
    )
    def test_spans_that_do_not_fit_are_named_with_their_line(self, label: Any, message: str, tmp_path: Path) -> None:
        rows = [{"text": PLAIN, "label": [[0, 2, "X"]]}, {"text": TEXT, "label": label}]
        with pytest.raises(UserError, match=rf"data\.jsonl:2: .*{message}"):
            load(tmp_path / "data.jsonl", rows)

    def test_a_span_error_is_no_user_error_by_itself(self) -> None:
        with pytest.raises(SpanError):
            tag_words("a", [TextSpan(0, 2, "X")])


class TestLabels:
    @pytest.mark.parametrize(
        "rows",
        [
            [{"text": "enak", "label": ["pos"]}, {"text": "buruk", "label": ["neg"]}],
            [["enak", {"cats": {"pos": 1, "neg": 0}}], ["buruk", {"cats": {"pos": 0.0, "neg": 1.0}}]],
            [
                {"text": "enak", "label": "pos", "_input_hash": 1, "answer": "accept"},
                {"text": "buruk", "options": [], "accept": ["neg"], "_input_hash": 2, "answer": "accept"},
            ],
            [
                studio([marked({"choices": ["pos"]}, "choices")], review="enak"),
                studio([marked({"choices": ["neg"]}, "choices")], review="buruk"),
            ],
            [
                {"id": 1, "text": "enak", "sentiment": "pos", "annotator": 1, "annotation_id": 1, "lead_time": 1.5},
                {"id": 2, "text": "buruk", "sentiment": "neg", "annotator": 1, "annotation_id": 2, "lead_time": 1.5},
            ],
        ],
    )
    def test_each_tool_gives_the_same_labels(self, rows: list[Any], tmp_path: Path) -> None:
        assert pairs(load(tmp_path / "data.json", rows)) == [("enak", "pos"), ("buruk", "neg")]

    def test_rejected_and_unanswered_rows_are_left_out_and_counted(self, tmp_path: Path) -> None:
        rows = [
            {"text": "enak", "label": "pos", "_input_hash": 1, "answer": "accept"},
            {"text": "buruk", "label": "pos", "_input_hash": 2, "answer": "reject"},
            {"text": "lupa", "label": "pos", "_input_hash": 3, "answer": "ignore"},
        ]
        raw = load(tmp_path / "data.jsonl", rows)
        assert pairs(raw) == [("enak", "pos")]
        assert raw.notes == ("data.jsonl: 2 rows left out: nobody answered them, or the answer was rejected",)
        unanswered = {"id": 1, "data": {"text": "a"}, "annotations": []}
        raw = load(tmp_path / "data.json", [studio([marked({"choices": ["pos"]}, "choices")], text="b"), unanswered])
        assert pairs(raw) == [("b", "pos")]
        assert raw.notes[0].startswith("data.json: 1 rows left out")

    def test_of_several_annotations_the_first_is_read_and_that_is_counted(self, tmp_path: Path) -> None:
        row = studio([marked({"choices": ["pos"]}, "choices")], text="a")
        second = {"result": [marked({"choices": ["neg"]}, "choices")]}
        raw = load(tmp_path / "data.json", [row | {"annotations": [*row["annotations"], second]}])
        assert pairs(raw) == [("a", "pos")]
        assert raw.notes == ("data.json: 1 rows with several annotations: the first of each is read",)

    def test_no_label_is_an_error_where_no_text_has_several(self, tmp_path: Path) -> None:
        rows: list[object] = [{"text": "a", "label": ["pos"]}, {"text": "b", "label": []}]
        with pytest.raises(UserError, match=r"data\.jsonl:2: column 'label' is an empty list: a text without a label"):
            load(tmp_path / "data.jsonl", rows)
        more = load(tmp_path / "data.jsonl", [*rows, {"text": "c", "label": ["pos", "neg"]}])
        assert pairs(more) == [("a", ["pos"]), ("b", []), ("c", ["pos", "neg"])]

    def test_texts_that_nobody_labeled_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"data\.jsonl:1: column 'label' is an empty list"):
            load(tmp_path / "data.jsonl", [{"text": "a", "label": []}, {"text": "b", "label": []}])


class TestBrat:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "a.txt").write_text(f"{TEXT}\n\n{PLAIN}\n", encoding="utf-8")
        (tmp_path / "a.ann").write_text(
            "T1\tPER 0 10\tAnna Frank\nT2\tLOC 19 23\tRome\nR1\tlives Arg1:T1 Arg2:T2\nT3\tLOC 25 30\tItaly\n"
            "#1\tAnnotatorNotes T1\tsure\n",
            encoding="utf-8",
        )
        return tmp_path

    def test_lines_are_words_and_tags(self, folder: Path) -> None:
        raw = read_own(str(folder), DataOptions())
        assert pairs(raw) == BOTH
        assert [row.line for row in raw.rows["train"]] == [1, 3]

    def test_a_folder_per_split(self, folder: Path, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            (tmp_path / "both" / split).mkdir(parents=True)
            for file in ("a.txt", "a.ann"):
                (tmp_path / "both" / split / file).write_bytes((folder / file).read_bytes())
        raw = read_own(str(tmp_path / "both"), DataOptions())
        assert list(raw.rows) == ["train", "validation"]

    def test_what_is_left_out_is_counted(self, folder: Path) -> None:
        with (folder / "a.ann").open("a") as file:
            file.write("T4\tX 0 4;12 19\tAnna visited\nT5\tX 25 35\tItaly. It\n")
        raw = read_own(str(folder), DataOptions())
        assert pairs(raw) == BOTH
        assert raw.notes == (f"{folder.name}: 2 entities left out: in several parts, or over the end of a line",)

    @pytest.mark.parametrize(
        ("line", "message"),
        [("T4 PER 0 4", r"a\.ann:6: not an entity as brat writes them"), ("T4\tPER 90 95\tx", "ends beyond the text")],
    )
    def test_faults_are_named(self, folder: Path, line: str, message: str) -> None:
        with (folder / "a.ann").open("a") as file:
            file.write(f"{line}\n")
        with pytest.raises(UserError, match=message):
            read_own(str(folder), DataOptions())

    def test_a_text_that_is_not_there(self, folder: Path) -> None:
        (folder / "a.txt").unlink()
        with pytest.raises(UserError, match=r"a\.txt: no such file, but a\.ann is there"):
            read_own(str(folder), DataOptions())
