import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from kdops.data.encoding import encode
from kdops.errors import UserError
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher
from kdops.models.teachers.scratch import scratch_teacher
from kdops.models.teachers.sources import SCRATCH, check_teacher, teacher_identity
from kdops.models.teachers.tokenizers import mask_token
from kdops.task import Task

TEXTS = [
    "Makanannya enak sekali dan tempatnya bersih",
    "pelayanan lambat, makanan dingin",
    "tempat bersih pelayanan cepat harga murah",
    "tidak enak dan tidak murah",
] * 6
LABELS = ("negative", "positive")
TAGS = ("B-PER", "I-PER", "O")

# Asks for a model of the hub, and prints the error and the seconds until it came.
ASK_HUB = """
import sys, time
from kdops.errors import UserError
from kdops.models.teachers.sources import check_teacher
started = time.monotonic()
try:
    check_teacher("someone/some-encoder")
except UserError as error:
    print(time.monotonic() - started, error)
"""


@pytest.fixture(scope="module", params=[Task.TEXT, Task.TOKEN])
def task(request: pytest.FixtureRequest) -> Task:
    given: Task = request.param
    return given


@pytest.fixture(scope="module")
def labels(task: Task) -> tuple[str, ...]:
    return LABELS if task is Task.TEXT else TAGS


@pytest.fixture(scope="module")
def teacher(task: Task, labels: tuple[str, ...]) -> Teacher:
    torch.manual_seed(0)
    made = scratch_teacher(TEXTS, task, labels)
    made.model.eval()
    return made


@pytest.fixture(scope="module")
def saved(teacher: Teacher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    teacher.save(folder)
    return folder


@pytest.fixture
def own_copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def logits_of(teacher: Teacher, text: str) -> torch.Tensor:
    ids = torch.tensor([teacher.tokenizer.encode(text).ids])
    with torch.inference_mode():
        logits: torch.Tensor = teacher.model.eval()(ids, torch.ones_like(ids))
    return logits


def test_a_teacher_from_scratch_reads_texts_as_bert_does(teacher: Teacher, task: Task, labels: tuple[str, ...]) -> None:
    tokens = teacher.tokenizer.encode("Makanannya ENAK").tokens
    assert tokens[0] == "[CLS]"
    assert tokens[-1] == "[SEP]"
    assert "enak" in tokens
    assert teacher.tokenizer.id_to_token(teacher.pad_id) == "[PAD]"
    assert teacher.max_length == 512
    shape = logits_of(teacher, "Makanannya ENAK").shape
    assert shape == ((1, len(labels)) if task is Task.TEXT else (1, len(tokens), len(labels)))


def test_a_teacher_from_scratch_starts_from_the_company_of_words(teacher: Teacher) -> None:
    table = teacher.model.embedding_table
    assert table.shape == (teacher.tokenizer.get_vocab_size(), 128)
    assert table.std().item() == pytest.approx(0.2, rel=0.01)
    assert table.isfinite().all()


def test_teachers_from_scratch_of_the_same_texts_and_seed_are_the_same(
    teacher: Teacher, task: Task, labels: tuple[str, ...]
) -> None:
    torch.manual_seed(0)
    again = scratch_teacher(TEXTS, task, labels)
    assert again.tokenizer.to_str() == teacher.tokenizer.to_str()
    for name, weights in again.model.state_dict().items():
        torch.testing.assert_close(weights, teacher.model.state_dict()[name], rtol=0, atol=0)


def test_two_texts_are_enough_for_a_teacher_from_scratch(task: Task, labels: tuple[str, ...]) -> None:
    tiny = scratch_teacher(["enak", "mahal"], task, labels)
    assert logits_of(tiny, "enak mahal").isfinite().all()


def test_logits_do_not_depend_on_padding(teacher: Teacher) -> None:
    ids = torch.tensor([teacher.tokenizer.encode("tidak enak").ids])
    more = torch.full((1, 5), teacher.pad_id)
    mask = torch.cat([torch.ones_like(ids), torch.zeros_like(more)], dim=1)
    with torch.inference_mode():
        padded = teacher.model(torch.cat([ids, more], dim=1), mask)
    alone = logits_of(teacher, "tidak enak")
    torch.testing.assert_close(padded[:, : alone.shape[1]], alone, atol=1e-6, rtol=1e-5)


def test_it_is_the_same_after_save_and_load(teacher: Teacher, saved: Path, task: Task, labels: tuple[str, ...]) -> None:
    loaded = load_teacher(str(saved), task, labels)
    for text in ("Makanannya enak", "tidak dikenal: qwerty", ""):
        assert loaded.tokenizer.encode(text).ids == teacher.tokenizer.encode(text).ids
        torch.testing.assert_close(logits_of(loaded, text), logits_of(teacher, text), atol=1e-6, rtol=0)
    weights = loaded.model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in teacher.model.state_dict().items())
    assert (loaded.pad_id, loaded.max_length) == (teacher.pad_id, 512)
    assert (saved / "model.safetensors").is_file()
    assert json.loads((saved / "config.json").read_text())["id2label"] == {
        str(index): label for index, label in enumerate(labels)
    }


def test_hugging_face_loads_it_and_says_what_it_says(teacher: Teacher, saved: Path, task: Task) -> None:
    processing = AutoTokenizer.from_pretrained(saved)
    family = AutoModelForSequenceClassification if task is Task.TEXT else AutoModelForTokenClassification
    model = family.from_pretrained(saved)
    with torch.inference_mode():
        logits = model(**processing("tempat bersih", return_tensors="pt")).logits
    torch.testing.assert_close(logits, logits_of(teacher, "tempat bersih"), atol=1e-6, rtol=1e-5)


def test_weights_published_in_half_precision_are_trained_in_full(own_copy: Path, task: Task) -> None:
    family = AutoModelForSequenceClassification if task is Task.TEXT else AutoModelForTokenClassification
    family.from_pretrained(own_copy).to(torch.bfloat16).save_pretrained(own_copy)
    loaded = load_teacher(str(own_copy), task, TAGS)
    assert {weights.dtype for weights in loaded.model.parameters()} == {torch.float32}
    assert logits_of(loaded, "tempat bersih").isfinite().all()


def test_other_labels_get_a_new_head(saved: Path, task: Task) -> None:
    loaded = load_teacher(str(saved), task, ("a", "b", "c", "d", "e"))
    assert logits_of(loaded, "enak").shape[-1] == 5


def test_max_length_is_what_model_and_tokenizer_can_read(own_copy: Path, task: Task, labels: tuple[str, ...]) -> None:
    settings = own_copy / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"model_max_length": 64}))
    assert load_teacher(str(own_copy), task, labels).max_length == 64


def test_a_folder_whose_weights_are_broken_is_the_users_mistake(
    own_copy: Path, task: Task, labels: tuple[str, ...]
) -> None:
    weights = own_copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000])
    with pytest.raises(UserError, match=r"^teacher '.*' cannot be loaded: .+$"):
        load_teacher(str(own_copy), task, labels)
    weights.unlink()
    with pytest.raises(UserError, match=r"^teacher '.*' cannot be loaded: .+$"):
        load_teacher(str(own_copy), task, labels)


def test_a_tokenizer_without_padding_is_the_users_mistake(own_copy: Path, task: Task, labels: tuple[str, ...]) -> None:
    settings = own_copy / "tokenizer_config.json"
    kept = {key: value for key, value in json.loads(settings.read_text()).items() if key != "pad_token"}
    settings.write_text(json.dumps(kept | {"tokenizer_class": "TokenizersBackend"}))
    with pytest.raises(UserError, match="without a padding token"):
        load_teacher(str(own_copy), task, labels)


def test_teachers_that_can_be_had_pass_the_check(saved: Path) -> None:
    check_teacher(SCRATCH)
    check_teacher(str(saved))


def test_a_folder_without_a_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    for source in (str(tmp_path / "empty"), "empty", "./nowhere", "/no/such/folder", "~/nowhere"):
        with pytest.raises(UserError) as caught:
            check_teacher(source)
        assert str(caught.value) == (
            f"teacher {source!r} is not a folder with a Hugging Face model (it has no config.json)"
        )


def test_offline_a_hub_id_that_is_not_on_this_machine_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        check_teacher("someone/some-encoder")
    assert str(caught.value) == (
        "teacher 'someone/some-encoder' is not on this machine and HF_HUB_OFFLINE is set; "
        "get it where there is internet (hf download someone/some-encoder), or "
        "give a Hugging Face hub id, a local folder, models:/name@alias, a file of probabilities, or scratch"
    )


def test_a_hub_that_does_not_answer_is_told_within_seconds(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    environment |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ASK_HUB], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    seconds, _, message = done.stdout.partition(" ")
    assert float(seconds) < 15
    assert message.startswith("teacher 'someone/some-encoder' is not on this machine and the hub does not answer (")
    assert message.endswith(
        "give a Hugging Face hub id, a local folder, models:/name@alias, a file of probabilities, or scratch\n"
    )
    assert message.count("\n") == 1


def test_the_identity_of_a_folder_is_its_content(own_copy: Path, tmp_path: Path) -> None:
    before = teacher_identity(str(own_copy))
    moved = shutil.copytree(own_copy, tmp_path / "elsewhere")
    assert teacher_identity(str(moved)) == before
    (moved / "notes.md").write_text("read by nobody")
    assert teacher_identity(str(moved)) == before
    for name in ("model.safetensors", "config.json", "tokenizer.json", "pytorch_model.bin", "vocab.txt"):
        changed = moved / name
        changed.write_bytes((changed.read_bytes() if changed.exists() else b"") + b" ")
        after = teacher_identity(str(moved))
        assert after != before, name
        before = after


def test_a_real_encoder_gets_a_head(encoder: Path) -> None:
    check_teacher(str(encoder))
    teacher = load_teacher(str(encoder), Task.TOKEN, TAGS)
    encoded = encode(teacher.tokenizer, [["Budi", "tinggal", "di", "Bandung"]], Task.TOKEN, 32)
    assert encoded.unit_counts.tolist() == [4]
    ids = torch.from_numpy(encoded.ids).long().unsqueeze(0)
    assert teacher.model.eval()(ids, torch.ones_like(ids)).shape == (1, len(encoded.ids), 3)
    assert teacher.max_length == 512


class TestMaskToken:
    def test_it_is_what_the_tokenizer_has(self, own_copy: Path) -> None:
        assert mask_token(SCRATCH) == mask_token(str(own_copy)) == "[MASK]"
        settings = json.loads((own_copy / "tokenizer_config.json").read_text(encoding="utf-8"))
        del settings["mask_token"]
        (own_copy / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        assert mask_token(str(own_copy)) is None

    def test_a_teacher_that_cannot_be_had_is_the_users_mistake(self, own_copy: Path) -> None:
        with pytest.raises(UserError, match=r"is not a folder with a Hugging Face model \(it has no config\.json\)"):
            mask_token(str(own_copy / "nothing"))
        for path in own_copy.glob("*token*"):
            path.write_text("no longer JSON", encoding="utf-8")
        with pytest.raises(UserError, match=r"teacher '.*' cannot be loaded: "):
            mask_token(str(own_copy))
