import json
from pathlib import Path

import pytest

from kdops.data.unlabeled import load_unlabeled
from kdops.errors import UserError
from kdops.task import Task


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_texts_once_each_without_those_of_validation_and_test(tmp_path: Path) -> None:
    path = write(
        tmp_path / "more.jsonl",
        {"text": "enak sekali", "label": "ignored"},
        {"text": "Enak  sekali"},
        {"text": "hambar"},
        {"text": " "},
        {"text": "RAHASIA ujian"},
        {"tokens": ["nasi", "basi"]},
    )
    rows = load_unlabeled(path, Task.TEXT, exclude=["rahasia ujian"])
    assert rows.column_names == ["text"]
    assert rows["text"][:] == ["enak sekali", "hambar", "nasi basi"]


def test_texts_become_words_for_token_tasks(tmp_path: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "Budi ke Solo, ya?"}, {"tokens": ["di", "Bali"]}, {"text": "ujian"})
    rows = load_unlabeled(path, Task.TOKEN, exclude=[["Ujian"]])
    assert rows["tokens"][:] == [["Budi", "ke", "Solo", ",", "ya", "?"], ["di", "Bali"]]


def test_rows_are_mapped_from_disk_and_found_again(tmp_path: Path, kdops_home: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "enak"}, {"text": "hambar"})
    first = load_unlabeled(path, Task.TEXT, exclude=[])
    (cached,) = (kdops_home / "unlabeled").iterdir()
    assert [Path(file["filename"]) for file in first.cache_files] == [cached]
    written = cached.stat().st_mtime_ns
    assert load_unlabeled(path, Task.TEXT, exclude=[])["text"][:] == ["enak", "hambar"]
    assert cached.stat().st_mtime_ns == written


def test_change_of_file_or_exclusions_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "enak"}, {"text": "hambar"})
    assert len(load_unlabeled(path, Task.TEXT, exclude=[])) == 2
    assert load_unlabeled(path, Task.TEXT, exclude=["enak"])["text"][:] == ["hambar"]
    write(path, {"text": "gurih"})
    assert load_unlabeled(path, Task.TEXT, exclude=[])["text"][:] == ["gurih"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"text": "a"}\n{"teks": "b"}\n', r":2: no column 'text' or 'tokens' \(found: 'teks'\)"),
        (b'{"text": "a"}\nb\n', ":2: not JSON"),
        (b'{"text": "a"}\n{"text": "\xff"}\n', ":2: not UTF-8"),
        (b'{"text": 3}\n', ":1: column 'text' must be a string"),
        (b'{"tokens": "a"}\n', ":1: column 'tokens' must be a list"),
        (b"", ": no text is left"),
        (b'{"text": "ujian"}\n', ": no text is left"),
    ],
)
def test_bad_file_is_named_with_its_line_and_leaves_nothing(
    tmp_path: Path, kdops_home: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "more.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"more\.jsonl{message}"):
        load_unlabeled(path, Task.TEXT, exclude=["ujian"])
    assert [file for file in kdops_home.rglob("*") if file.is_file()] == []


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.jsonl: no such file"):
        load_unlabeled(tmp_path / "nothing.jsonl", Task.TEXT, exclude=[])
