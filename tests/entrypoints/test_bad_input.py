"""Mistakes of the user's: one clear line each, an exit code, and nothing trained or left open."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from gensim.models import KeyedVectors
from mlflow.entities import Run
from servers import answering, free_port
from transformers import DistilBertConfig
from typer import Typer
from typer.testing import CliRunner

import entrypoints.distill
import entrypoints.exam
import entrypoints.main
import entrypoints.promote
import entrypoints.train_teacher
from kdops.data.catalog import CATALOG, RemoteFile, downloads
from kdops.models.student_kinds import STUDENTS

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "validation", "test")
GOOD = '{"text": "enak", "label": "positive"}\n{"text": "buruk", "label": "negative"}\n'
NEUTRAL = GOOD.encode() + b'{"text": "biasa", "label": "neutral"}\n'
LONG = json.dumps({"text": "a" * 1_000_000, "label": "positive"}).encode()
MASKED = GOOD.replace("negative", "positive").encode()
GIVE = "give {}, a name, or a number where columns have no names"
TAGGED = '{"tokens": ["Budi", "makan"], "tags": ["B-PERSON", "O"]}\n'

Fail = Callable[..., list[str]]


def _options(parameters: dict[str, object]) -> list[str]:
    return [part for name, value in parameters.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def _runs() -> list[Run]:
    found: list[Run] = mlflow.search_runs(search_all_experiments=True, output_format="list")
    return found


@pytest.fixture
def fail(tracking_uri: str) -> Fail:
    """Calls an entry point, which must end with code 2, and gives the lines that it wrote."""

    def call(program: Typer = entrypoints.distill.main, **parameters: object) -> list[str]:
        done = CliRunner().invoke(program, _options(parameters))
        assert done.exit_code == 2, done.output
        assert done.stdout == ""
        for run in _runs():
            assert run.info.status not in {"RUNNING", "FINISHED"}
            assert not [name for name in run.data.metrics if name.startswith("epoch.")]
        return done.stderr.splitlines()

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set without faults, for a test to put one in."""
    made = tmp_path / "reviews"
    made.mkdir()
    for split in SPLITS:
        (made / f"{split}.jsonl").write_text(GOOD, encoding="utf-8")
    return made


@pytest.fixture
def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    return free_port()


class TestChoices:
    def test_unknown_dataset(self, fail: Fail) -> None:
        assert fail(dataset="smss") == [
            "error: unknown dataset 'smss': it is not on this machine and HF_HUB_OFFLINE is set; "
            f"choose one of: {', '.join(CATALOG)}, "
            "or give the path of your own data, or the id of a hub data set"
        ]

    def test_a_public_dataset_is_read_as_it_is(self, fail: Fail) -> None:
        assert fail(dataset="smsa", text_column="text") == [
            "error: text_column=text is for data of your own; kdops knows how dataset 'smsa' is read"
        ]

    @pytest.mark.parametrize("program", [entrypoints.distill.main, entrypoints.promote.main])
    def test_the_name_of_a_public_dataset(self, program: Typer, fail: Fail, folder: Path) -> None:
        assert fail(program, dataset=folder, name="smsa") == [
            "error: name=smsa is the name of a public data set; choose another"
        ]

    @pytest.mark.parametrize("program", [entrypoints.distill.main, entrypoints.main.main])
    def test_unknown_student(self, program: Typer, fail: Fail) -> None:
        assert fail(program, student="cnn2") == [f"error: unknown student 'cnn2'; choose one of: {', '.join(STUDENTS)}"]

    def test_unknown_recipe(self, fail: Fail) -> None:
        assert fail(recipe="kd_unlabeled") == [
            "error: unknown recipe 'kd_unlabeled'; "
            "choose one of: auto, vanilla, kd, kd-unlabeled, kd-unlabeled-fasttext, kd-unlabeled-teacher, general, "
            "general-kd, general-kd-unlabeled"
        ]

    @pytest.mark.parametrize("program", [entrypoints.distill.main, entrypoints.train_teacher.main])
    def test_unknown_teacher(self, program: Typer, fail: Fail) -> None:
        assert fail(program, teacher="indobenchmark/indoburt") == [
            "error: teacher 'indobenchmark/indoburt' is not on this machine and HF_HUB_OFFLINE is set; "
            "get it where there is internet (hf download indobenchmark/indoburt), or "
            "give a Hugging Face hub id, a local folder, models:/name@alias, a file of probabilities, or scratch"
        ]

    def test_a_teacher_that_is_no_model(self, fail: Fail, folder: Path) -> None:
        assert fail(teacher=folder) == [
            f"error: teacher '{folder}' is not a folder with a Hugging Face model (it has no config.json)"
        ]


class TestNumbers:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("trials", "0", "Input should be greater than or equal to 1"),
            ("trials", "many", "Input should be a valid integer, unable to parse string as an integer"),
            ("epochs", "0", "Input should be greater than or equal to 1"),
            ("batch_size", "0", "Input should be greater than or equal to 1"),
            ("teacher_epochs", "-1", "Input should be greater than or equal to 1"),
            ("learning_rate", "-1", "Input should be greater than 0"),
            ("learning_rate", "nan", "Input should be a finite number"),
            ("max_length", "1", "Input should be greater than or equal to 3"),
            ("threads", "0", "Input should be greater than or equal to 1"),
            ("seed", "-1", "Input should be greater than or equal to 0"),
            ("unlabeled_max", "0", "Input should be greater than or equal to 1"),
            ("length_filter", "some", "Input should be a valid boolean, unable to interpret input"),
            ("force", "perhaps", "Input should be a valid boolean, unable to interpret input"),
        ],
    )
    def test_out_of_range(self, name: str, value: str, message: str, fail: Fail) -> None:
        assert fail(**{name: value}) == [f"error: {name}={value}: {message}"]
        assert _runs() == []

    def test_each_has_its_line(self, fail: Fail) -> None:
        lines = fail(trials=0, learning_rate=-1, student="cnn2")
        assert [line.split(":")[1] for line in lines] == [
            " unknown student 'cnn2'; choose one of",
            " trials=0",
            " learning_rate=-1",
        ]

    def test_the_teachers_too(self, fail: Fail) -> None:
        lines = fail(entrypoints.train_teacher.main, learning_rate=-1, seed=-1)
        assert [line.split(":")[1] for line in lines] == [" learning_rate=-1", " seed=-1"]

    def test_longer_texts_than_the_teacher_reads(self, fail: Fail) -> None:
        message = "max_length=513 is more than teacher 'scratch' reads: 512"
        assert fail(teacher="scratch", max_length=513) == [f"error: {message}"]
        assert {run.data.tags["kdops.error"] for run in _runs()} == {message}

    def test_longer_texts_than_the_student_reads(self, fail: Fail) -> None:
        assert fail(student="bert-tiny", max_length=600) == [
            "error: max_length=600 is too long for bert-tiny: it reads at most 512 tokens"
        ]
        assert _runs() == []


class TestFiles:
    @pytest.mark.parametrize(
        ("split", "content", "message"),
        [
            ("train", b"", ": the file is empty"),
            ("test", b"\n\n", ": the file is empty"),
            ("test", b'\n{"text": "caf\xe9", "label": "positive"}\n', ":2: not UTF-8 text; save the file as UTF-8"),
            (
                "train",
                b'{"rating": "enak"}\n',
                f":1: no column 'text' (or 'tokens' and 'tags'; found: 'rating'); {GIVE.format('text_column')}",
            ),
            (
                "train",
                b'{"text": "enak"}\n',
                f":1: no column 'label' beside 'text' (found: 'text'); {GIVE.format('label_column')}",
            ),
            (
                "train",
                b'{"text": "enak", "label": "a", "text": "buruk"}\n',
                ":1: column 'text' stands there twice",
            ),
            (
                "train",
                b'{"premise": "enak", "hypothesis": "buruk", "label": "no"}\n',
                ": every label of train is 'no'; are its real labels masked?",
            ),
            (
                "train",
                b'{"text": "enak", "food": 1, "price": 0}\n{"text": "basi", "food": 2, "price": 0}\n',
                ":2: column 'food' holds 2 where the others hold 0 and 1; name the columns of labels with "
                "label_column=first,second,...",
            ),
            (
                "train",
                LONG,
                ":1: a text of 1,000,000 characters; the most is 100,000",
            ),
            ("test", b"enak\n", ":1: not JSON: Expecting value at column 1"),
            ("validation", b'{"text": "", "label": "positive"}\n', ":1: the text is empty"),
            ("validation", NEUTRAL, ":3: unknown label 'neutral'; choose one of: negative, positive"),
            ("test", MASKED, ": every label of test is 'positive'; are its real labels masked?"),
        ],
    )
    def test_of_texts(self, split: str, content: bytes | None, message: str, fail: Fail, folder: Path) -> None:
        path = folder / f"{split}.jsonl"
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        assert fail(dataset=folder, teacher="scratch") == [f"error: {path}{message}"]
        assert _runs() == []

    def test_too_few_rows_to_make_a_missing_split_from(self, fail: Fail, folder: Path) -> None:
        (folder / "validation.jsonl").unlink()
        assert fail(dataset=folder, teacher="scratch") == [
            f"error: {folder}/train.jsonl: 2 rows are too few, or too much alike, to make validation from; "
            "give these splits as files, or more rows"
        ]

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("train.csv", 'text,label\nenak,a\n"buruk,b\n', ":3: not CSV: unexpected end of data"),
            ("train.tsv", "text\tlabel\nenak\ta\nburuk\n", ":3: expected 2 columns as in line 1, found 1"),
            ("train.csv", "text,text,label\nenak,enak,a\n", ":1: column 'text' stands there twice"),
            ("train.parquet", "PAR1, and no more", ": not a Parquet file that can be read: "),
            ("train.conll", "Budi B-PERSON\nmakan\n", ":2: "),
            ("train.xlsx", "a table", ": not an Excel workbook that can be read: "),
            ("train.docx", "a table", ": cannot read '.docx'; use .jsonl, .ndjson, .csv, .tsv, .txt, .parquet, .conll"),
        ],
    )
    def test_of_other_kinds(self, name: str, content: str, message: str, fail: Fail, folder: Path) -> None:
        (folder / "train.jsonl").unlink()
        (folder / name).write_text(content, encoding="utf-8")
        (line,) = fail(dataset=folder, teacher="scratch")
        assert line.startswith(f"error: {folder / name}{message}")
        assert _runs() == []

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({"tokens": ["Budi", "makan"], "tags": ["B-PERSON"]}, "2 tokens but 1 tags"),
            (
                {"tokens": ["Budi"]},
                f"no column 'tags' beside 'tokens' (found: 'tokens'); {GIVE.format('label_column')}",
            ),
            ({"tokens": ["Budi", ""], "tags": ["B-PERSON", "O"]}, "an empty token"),
            ({"tokens": ["Budi"], "tags": ["PERSON"]}, "tag 'PERSON' is not IOB2 (O, B-TYPE or I-TYPE)"),
            ({"tokens": ["Medan"], "tags": ["B-PLACE"]}, "unknown label 'B-PLACE'; choose one of: O, B-PERSON"),
            (
                {"text": "Budi", "label": "O"},
                "a row for text-classification, but the first row of train is for token-classification",
            ),
        ],
    )
    def test_of_tags(self, row: dict[str, object], message: str, fail: Fail, folder: Path) -> None:
        for split in SPLITS:
            (folder / f"{split}.jsonl").write_text(TAGGED, encoding="utf-8")
        path = folder / "test.jsonl"
        path.write_text(TAGGED + json.dumps(row), encoding="utf-8")
        assert fail(dataset=folder, teacher="scratch") == [f"error: {path}:2: {message}"]

    def test_a_tag_outside_the_scheme_that_was_asked_for(self, fail: Fail, folder: Path) -> None:
        for split in SPLITS:
            (folder / f"{split}.jsonl").write_text(TAGGED.replace("B-PERSON", "S-PERSON"), encoding="utf-8")
        path = folder / "train.jsonl"
        path.write_text(path.read_text(encoding="utf-8") + TAGGED.replace("B-", "X-"), encoding="utf-8")
        assert fail(dataset=folder, teacher="scratch", scheme="iobes") == [
            f"error: {path}:2: tag 'X-PERSON' is not IOBES (O, B-, I-, E- or S-TYPE) or BILOU (O, B-, I-, L- or U-TYPE)"
        ]
        assert fail(dataset=folder, scheme="iob3") == [
            "error: unknown scheme 'iob3'; choose one of: auto, iob1, iob2, iobes, plain"
        ]
        assert _runs() == []


class TestUnlabeled:
    def test_a_file_that_is_not_there(self, fail: Fail, folder: Path) -> None:
        path = folder / "more.jsonl"
        assert fail(dataset=folder, teacher="scratch", unlabeled=path) == [
            f"error: {path}: no such file; unlabeled is one of default, catalogue, augmented, "
            "or a .jsonl, .ndjson or .txt file"
        ]
        assert _runs() == []

    @pytest.mark.parametrize("program", [entrypoints.distill.main, entrypoints.train_teacher.main])
    def test_a_file_that_holds_the_test_set(self, program: Typer, fail: Fail, folder: Path) -> None:
        texts = [f"kamar nomor {number}" for number in range(20)]
        rows = [json.dumps({"text": text, "label": "ab"[place % 2]}) for place, text in enumerate(texts)]
        for split, part in (("train", rows[:4]), ("validation", rows[4:8]), ("test", rows[8:])):
            (folder / f"{split}.jsonl").write_text("\n".join(part), encoding="utf-8")
        path = folder / "everything.txt"
        path.write_text("\n".join(texts[:19]).upper(), encoding="utf-8")
        assert fail(program, dataset=folder, teacher="scratch", unlabeled=path) == [
            f"error: {path}: it holds the test set: 11 of its 12 different texts; "
            "leave them out, no training may see them"
        ]
        assert _runs() == []

    def test_a_file_that_adds_nothing(self, fail: Fail, folder: Path) -> None:
        path = folder / "same.jsonl"
        path.write_text('{"text": "Enak"}\n', encoding="utf-8")
        (line,) = fail(dataset=folder, teacher="scratch", unlabeled=path)
        assert line == f"error: {path}: no text is left of 1: 1 held out"


class TestStarts:
    """Where a student was to start, and cannot."""

    @pytest.fixture
    def vectors(self, tmp_path: Path) -> Path:
        path = tmp_path / "vectors.bin"
        known = KeyedVectors(4)
        known.add_vectors(["enak", "buruk"], np.ones((2, 4), dtype=np.float32))
        known.save_word2vec_format(str(path), binary=True)
        return path

    def test_unknown_embeddings(self, fail: Fail) -> None:
        assert fail(embeddings="glove") == [
            "error: unknown embeddings 'glove'; choose one of: random, teacher, fasttext, or the path of a vector file"
        ]
        assert _runs() == []

    def test_a_truncated_vector_file(self, fail: Fail, vectors: Path) -> None:
        vectors.write_bytes(vectors.read_bytes()[:-3])
        assert fail(embeddings=vectors) == [
            f"error: {vectors}: it ends, or is no vector file any more, after 1 of 2 words of width 4; is it whole? "
            "(expected word2vec text or binary, fastText .vec or .bin)"
        ]
        assert _runs() == []

    def test_a_vector_file_of_another_width_than_it_says(self, fail: Fail, tmp_path: Path) -> None:
        path = tmp_path / "vectors.vec"
        path.write_text("2 4\nenak 1 2 3 4\nburuk 1 2 3\n", encoding="utf-8")
        assert fail(embeddings=path) == [f"error: {path}:3: 3 numbers, but the first line says 4"]
        assert _runs() == []

    def test_a_pickle(self, fail: Fail, tmp_path: Path) -> None:
        path = tmp_path / "vectors.kv"
        KeyedVectors(4).save(str(path))
        assert fail(embeddings=path) == [
            f"error: {path}: a pickle, which is never opened; save it with gensim's save_word2vec_format"
        ]
        assert _runs() == []

    @pytest.mark.parametrize("student", ["bilstm", "cnn"])
    def test_a_student_without_layers_like_the_teachers(self, student: str, fail: Fail) -> None:
        assert fail(student=student, init="teacher") == [
            "error: init=teacher is for bert-tiny, bert-mini, bert-small; "
            f"{student} can start from the teacher's embeddings only"
        ]
        assert fail(init="fasttext") == [
            "error: unknown init 'fasttext'; choose one of: auto, random, teacher, general"
        ]
        assert _runs() == []

    def test_a_teacher_without_layers_like_the_students(self, fail: Fail, tmp_path: Path) -> None:
        DistilBertConfig(vocab_size=20, dim=8, hidden_dim=8, n_heads=2, n_layers=1).save_pretrained(tmp_path / "model")
        assert fail(student="bert-tiny", init="teacher", teacher=tmp_path / "model") == [
            "error: init=teacher needs a teacher that is built as BERT is; this one is a distilbert model"
        ]
        assert _runs() == []


class TestPlaces:
    @pytest.fixture
    def smsa(self) -> RemoteFile:
        file = CATALOG["smsa"].files["train"]
        assert isinstance(file, RemoteFile)
        return file

    def test_a_file_that_was_changed(
        self, fail: Fail, smsa: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "mirror" / smsa.address
        path.parent.mkdir(parents=True)
        path.write_text("enak\tpositive\n", encoding="utf-8")
        monkeypatch.setenv("KDOPS_DATA_MIRROR", str(tmp_path / "mirror"))
        (line,) = fail(dataset="smsa")
        assert line.startswith(f"error: {path}: sha256 is ")
        assert f"expected {smsa.sha256}" in line

    def test_a_mirror_without_the_file(
        self, fail: Fail, smsa: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KDOPS_DATA_MIRROR", str(tmp_path))
        assert fail(dataset="smsa") == [
            f"error: {tmp_path / smsa.address}: No such file or directory; "
            f"KDOPS_DATA_MIRROR={tmp_path} must hold the host's files"
        ]

    def test_no_network_and_no_mirror(self, fail: Fail, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("KDOPS_DATA_MIRROR", raising=False)
        monkeypatch.setattr(downloads, "HOST", f"https://127.0.0.1:{closed_port}")
        (line,) = fail(dataset="nergrit")
        assert line.startswith(f"error: cannot download https://127.0.0.1:{closed_port}/IndoNLP/indonlu/")
        assert "Connection refused; without a network, set KDOPS_DATA_MIRROR to a folder or URL" in line

    def test_an_optuna_storage_that_cannot_be_opened(self, fail: Fail, tmp_path: Path) -> None:
        for storage in ("nosuch://host/studies", f"sqlite:///{tmp_path}/no/such/folder/optuna.db"):
            (line,) = fail(storage=storage)
            assert line.startswith("error: the Optuna storage")
            assert "cannot be opened: " in line
        assert _runs() == []

    @pytest.mark.parametrize("program", [entrypoints.distill.main, entrypoints.train_teacher.main])
    def test_a_tracking_server_that_does_not_answer(
        self, program: Typer, closed_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port}")
        started = time.monotonic()
        done = CliRunner().invoke(program, [])
        assert time.monotonic() - started < 6
        assert done.exit_code == 2
        assert done.stderr.splitlines() == [
            f"error: tracking server http://127.0.0.1:{closed_port} does not answer "
            "([Errno 111] Connection refused): is it running?"
        ]


class TestExam:
    def test_all_wrong_names_are_listed_at_once(self, fail: Fail) -> None:
        lines = fail(entrypoints.exam.main, datasets="smss,sample", students="cnn2,all", recipes="kdx")
        assert [line.partition(";")[0] for line in lines[-3:]] == [
            "error: unknown students 'cnn2', 'all'",
            "error: unknown recipe 'kdx'",
            "error: unknown dataset 'smss': it is not on this machine and HF_HUB_OFFLINE is set",
        ]
        assert _runs() == []

    @pytest.mark.parametrize(
        ("name", "value", "line"),
        [
            ("seeds", "0", "seeds=0: Input should be greater than or equal to 1"),
            ("datasets", ",", "datasets=,: no name is given"),
            ("backend", "slurm", "unknown backend 'slurm'; choose of: loky, ray"),
            ("trials", "0", "trials=0: Input should be greater than or equal to 1"),
            ("preset", "papers", "unknown preset 'papers'; choose one of: paper"),
        ],
    )
    def test_a_grid_that_cannot_be(self, fail: Fail, name: str, value: str, line: str) -> None:
        assert fail(entrypoints.exam.main, **{name: value})[-1] == f"error: {line}"
        assert _runs() == []


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a hub of models that has none."""
    with answering(lambda *_: 404, X_Error_Code="RepoNotFound") as address:
        yield address


@pytest.mark.slow
class TestProgram:
    """The same as real programs, as `mlflow run` starts them."""

    @staticmethod
    def lines(**settings: str) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "entrypoints.distill", "--teacher", "indobenchmark/indoburt"]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=200
        )
        assert "Traceback" not in done.stderr
        return done.returncode, [line for line in done.stderr.splitlines() if "error" in line.lower()]

    def test_a_teacher_that_the_hub_does_not_have(self, tracking_uri: str, hub: str) -> None:
        assert self.lines(HF_ENDPOINT=hub, HF_HUB_OFFLINE="0") == (
            2,
            [
                "error: unknown teacher 'indobenchmark/indoburt': the hub has no such model; "
                "give a Hugging Face hub id, a local folder, models:/name@alias, a file of probabilities, or scratch"
            ],
        )
        assert _runs() == []

    def test_a_hub_that_does_not_answer(self, tracking_uri: str, closed_port: int) -> None:
        code, lines = self.lines(HF_ENDPOINT=f"http://127.0.0.1:{closed_port}", HF_HUB_OFFLINE="0")
        assert code == 2
        assert len(lines) == 1
        assert lines[0].startswith(
            "error: teacher 'indobenchmark/indoburt' is not on this machine and the hub does not answer ("
        )
        assert "Connection refused" in lines[0]
