"""Where teachers come from: pinned commits, files that are not what they seem, and no code of others."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from encoders import FAMILIES, Family
from hub import local_hub
from transformers import AutoModelForSequenceClassification

from kdops.errors import UserError
from kdops.models.encoder import load_encoder
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.sources import check_teacher
from kdops.models.teachers.tokenizers import load_tokenizer, mask_token
from kdops.task import Task

ROOT = Path(__file__).parents[2]
LABELS = ("negative", "neutral", "positive")
COMMITS = ("1" * 40, "2" * 40)

# Prints what a hub id comes to where the cache of the hub is in HF_HOME.
IDENTITIES = """
import sys
from kdops.models.encoder import load_encoder
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.sources import teacher_identity
from kdops.task import Task
for source in sys.argv[1:]:
    teacher = load_teacher(source, Task.TEXT, ["a", "b"])
    print(teacher_identity(source), teacher.model.encoder.config.num_hidden_layers)
"""


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    folder = tmp_path / "bert"
    folder.mkdir()
    return FAMILIES["BERT"].write(folder)


def refusal(folder: Path, task: Task = Task.TEXT) -> str:
    """The one line that the folder is refused with."""
    with pytest.raises(UserError) as caught:
        load_teacher(str(folder), task, LABELS)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"teacher {str(folder)!r}")
    return message.removeprefix(f"teacher {str(folder)!r}")


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


@pytest.mark.slow
class TestHub:
    @pytest.fixture
    def cache(self, tmp_path: Path) -> Path:
        """A cache of the hub with two commits of a model, the first of which is main and the second a tag."""
        model = tmp_path / "hub" / "models--someone--some-encoder"
        for layers, commit in enumerate(COMMITS, start=1):
            snapshot = model / "snapshots" / commit
            snapshot.mkdir(parents=True)
            FAMILIES["BERT"].write(snapshot, num_hidden_layers=layers)
        for name, commit in (("main", COMMITS[0]), ("v2", COMMITS[1])):
            (model / "refs").mkdir(exist_ok=True)
            (model / "refs" / name).write_text(commit, encoding="utf-8")
        return tmp_path

    @staticmethod
    def _identities(home: Path, sources: list[str], endpoint: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_XET": "1"}
        environment.pop("HF_HUB_CACHE", None)
        if endpoint:
            environment |= {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": endpoint}
        command = [sys.executable, "-c", IDENTITIES, *sources]
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )

    def test_a_hub_id_is_pinned_to_the_commit_that_is_on_this_machine(self, cache: Path) -> None:
        sources = ["someone/some-encoder", "someone/some-encoder@v2", f"someone/some-encoder@{COMMITS[1]}"]
        done = self._identities(cache, sources)
        first, second = (f"someone/some-encoder@{commit} {layers}" for layers, commit in enumerate(COMMITS, start=1))
        assert done.stdout.splitlines() == [first, second, second], done.stderr

    def test_what_was_fetched_once_stays_as_it_was(self, bert: Path, tmp_path: Path) -> None:
        source, home = "someone/some-encoder", tmp_path / "home"
        with local_hub(source, COMMITS[0], bert) as address:
            fetched = self._identities(home, [source], address)
        assert fetched.stdout == f"{source}@{COMMITS[0]} 2\n", fetched.stderr
        with local_hub(source, COMMITS[1], bert) as address:
            unknown = self._identities(home, [source, f"{source}@v9"], address)
        assert unknown.stdout == fetched.stdout
        assert "has no commit, branch or tag 'v9' on the hub" in unknown.stderr
        assert self._identities(home, [source]).stdout == fetched.stdout


class TestCodeOfOthers:
    def test_it_is_never_run_and_nobody_is_asked(self, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ran = bert / "ran"
        code = f"from pathlib import Path\nPath({str(ran)!r}).touch()\nclass Config: pass\n"
        (bert / "configuration_own.py").write_text(code, encoding="utf-8")
        edit(bert / "config.json", model_type="own", auto_map={"AutoConfig": "configuration_own.Config"})
        monkeypatch.setattr("builtins.input", lambda *_: "yes")
        for ask in (lambda: refusal(bert), lambda: refusal(bert, Task.TOKEN)):
            assert ask() == (
                " needs code from its own repository (auto_map), and kdops runs no such code; "
                "choose a model whose type transformers knows"
            )
        with pytest.raises(UserError, match="code from its own repository"):
            mask_token(str(bert))
        assert not ran.exists()

    @staticmethod
    def _loading_calls() -> Iterator[tuple[str, ast.Call]]:
        for path in sorted((ROOT / "kdops").rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("from_pretrained", "from_config")
                    # It takes a model that is loaded, and has no such argument.
                    and ast.unparse(node.func.value) != "PeftModel"
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node

    def test_every_call_that_loads_forbids_it(self) -> None:
        calls = dict(self._loading_calls())
        assert len(calls) >= 5
        for place, call in calls.items():
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            forbids = given.get("trust_remote_code")
            assert isinstance(forbids, ast.Constant), place
            assert forbids.value is False, place


class TestFiles:
    @pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
    def test_a_git_lfs_pointer_is_told_as_such(self, bert: Path, name: str) -> None:
        (bert / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")
        with pytest.raises(UserError, match="git-lfs pointer"):
            check_teacher(str(bert))
        assert refusal(bert) == (
            f": {name} is a git-lfs pointer and not the file itself; run `git lfs pull` in that folder"
        )

    def test_a_pickle_that_would_run_code_is_refused(self, bert: Path) -> None:
        ran = bert / "ran"

        class Malicious:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return os.system, (f"touch {ran}",)

        (bert / "model.safetensors").unlink()
        torch.save({"bert.embeddings.word_embeddings.weight": Malicious()}, bert / "pytorch_model.bin")
        assert "a pickle that would run code" in refusal(bert)
        assert not ran.exists()

    @pytest.mark.parametrize("name", ["BERT", "ALBERT with vocab.txt"])
    def test_weights_published_as_bin_and_vocab_txt_are_read(self, name: str, tmp_path: Path) -> None:
        """As IndoBERT is published, and IndoBERT-lite."""
        folder = FAMILIES[name].write(tmp_path)
        before = load_teacher(str(folder), Task.TEXT, LABELS).model.encoder
        expected = before.base_model.state_dict()
        (folder / "model.safetensors").unlink()
        torch.save(expected, folder / "pytorch_model.bin")
        assert {path.name for path in folder.iterdir()} == {"config.json", "vocab.txt", "pytorch_model.bin"}
        loaded = load_teacher(str(folder), Task.TEXT, LABELS)
        read = loaded.model.encoder.base_model.state_dict()
        assert all(torch.equal(read[name], expected[name]) for name in expected)
        assert loaded.tokenizer.encode("Budi tinggal di Bandung").tokens[1:3] == ["budi", "tinggal"]

    @pytest.mark.parametrize("beside", [True, False])
    def test_an_adapter_is_not_ignored(self, bert: Path, beside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        (bert / "adapter_config.json").write_text('{"peft_type": "LORA"}', encoding="utf-8")
        if not beside:
            (bert / "config.json").unlink()
        expected = "an adapter beside its model: pip install peft, or" if beside else "an adapter without its model"
        message = refusal(bert)
        assert expected in message
        assert "merge_and_unload()" in message

    def test_an_adapter_is_merged_where_peft_is_installed(self, tmp_path: Path) -> None:
        peft = pytest.importorskip("peft")
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=LABELS)
        settings = {"r": 4, "target_modules": ["query", "value"], "init_lora_weights": False}
        config = peft.LoraConfig(task_type="SEQ_CLS", **settings)
        model = peft.get_peft_model(AutoModelForSequenceClassification.from_pretrained(folder), config).eval()
        with torch.no_grad():
            model.base_model.model.classifier.modules_to_save.default.weight.mul_(2)
        ids = torch.tensor([[2, 7, 9, 3]])
        plain = load_teacher(str(folder), Task.TEXT, LABELS).model(ids, torch.ones_like(ids))
        model.save_pretrained(folder)
        teacher = load_teacher(str(folder), Task.TEXT, LABELS[::-1], as_is=True)
        adapted = teacher.model(ids, torch.ones_like(ids)).flip(-1)
        torch.testing.assert_close(adapted, model(ids).logits)
        assert not torch.allclose(adapted, plain, atol=0.01)
        teacher.save(tmp_path / "merged")
        assert {path.name for path in (tmp_path / "merged").glob("adapter*")} == set()

    def test_a_folder_without_tokenizer_files_is_refused(self, bert: Path) -> None:
        (bert / "vocab.txt").unlink()
        assert refusal(bert).startswith(" has no tokenizer files that its model can use (its vocabulary would hold ")

    def test_a_sentencepiece_model_names_the_package_that_reads_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = FAMILIES["XLM-R"].write(tmp_path)
        (folder / "tokenizer.json").unlink()
        (folder / "sentencepiece.bpe.model").write_bytes(b"\x0a\x0e\x0a\x05<unk>\x15\x00\x00\x00\x00\x18\x02")
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert refusal(folder) == (
            " has a sentencepiece model and no tokenizer.json, which needs a package: "
            "pip install sentencepiece protobuf"
        )

    def test_a_tokenizer_in_python_is_told_as_such(self, tmp_path: Path) -> None:
        roformer = Family("roformer", FAMILIES["RoFormer"].settings).write(tmp_path)
        assert refusal(roformer).startswith(" has a tokenizer (RoFormerTokenizer) that runs Python code, which no bund")

    def test_a_kind_of_model_without_a_classifier_is_told_as_such(self, bert: Path) -> None:
        edit(bert / "config.json", model_type="splinter")
        assert refusal(bert) == " is a Splinter, and transformers has no AutoModelForSequenceClassification for it"

    def test_a_model_that_cannot_read_a_row_is_told_as_such(self, tmp_path: Path) -> None:
        settings = FAMILIES["XLM-R"].settings | {"languages": ["id_ID", "en_XX"], "adapter_reduction_factor": 2}
        folder = Family("xmod", settings, FAMILIES["XLM-R"].write_tokenizer).write(tmp_path)
        assert refusal(folder).startswith(" is a xmod that cannot read a text: Input language unknown.")

    def test_more_tokens_than_embeddings_are_refused(self, bert: Path) -> None:
        with (bert / "vocab.txt").open("a", encoding="utf-8") as file:
            file.write("baru\nsekali\n")
        assert "these files do not belong together" in refusal(bert)

    def test_what_transformers_says_is_kept_in_one_line(self, bert: Path) -> None:
        (bert / "config.json").write_text("{", encoding="utf-8")
        assert refusal(bert).startswith(" cannot be loaded: ")


class TestSettings:
    def test_an_encoder_that_answers_in_tuples_works(self, bert: Path) -> None:
        edit(bert / "config.json", return_dict=False)
        ids = torch.tensor([[2, 5, 3]])
        assert load_teacher(str(bert), Task.TEXT, LABELS).model(ids, torch.ones_like(ids)).shape == (1, 3)

    @pytest.mark.parametrize(("name", "positions"), [("RoBERTa", 64), ("XLM-R", 64), ("MPNet", 64), ("BERT", 64)])
    def test_the_longest_text_is_what_there_are_positions_for(self, name: str, positions: int, tmp_path: Path) -> None:
        teacher = load_teacher(str(FAMILIES[name].write(tmp_path)), Task.TOKEN, LABELS)
        assert teacher.max_length == positions
        ids = torch.full((1, positions), 9)
        assert teacher.model.eval()(ids, torch.ones_like(ids)).isfinite().all()

    @pytest.mark.parametrize("name", ["RoBERTa", "ModernBERT", "DeBERTa-v1", "GPT-2"])
    def test_words_of_a_list_keep_their_starts_after_save_and_load(self, name: str, tmp_path: Path) -> None:
        teacher = load_teacher(str(FAMILIES[name].write(tmp_path)), Task.TOKEN, LABELS)
        teacher.save(tmp_path / "saved")
        for tokenizer in (teacher.tokenizer, load_tokenizer(tmp_path / "saved")):
            tokens = tokenizer.encode(["longsor", "di", "Garut"], is_pretokenized=True, add_special_tokens=False).tokens
            assert "".join(tokens) == "ĠlongsorĠdiĠGarut"
        plain = load_teacher(str(tmp_path), Task.TEXT, LABELS).tokenizer
        assert "".join(plain.encode("longsor di", add_special_tokens=False).tokens) == "longsorĠdi"

    def test_the_end_of_text_pads_where_nothing_else_can(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        teacher = load_teacher(str(FAMILIES["GPT-2"].write(tmp_path)), Task.TEXT, LABELS)
        assert teacher.tokenizer.id_to_token(teacher.pad_id) == "<|endoftext|>"
        assert teacher.model.encoder.config.pad_token_id == teacher.pad_id
        assert "has no padding token: '<|endoftext|>' is used" in caplog.text

    def test_mixed_number_types_switch_bfloat16_off_and_are_told(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from kdops.training import devices

        monkeypatch.setattr(devices, "product_type", lambda device: torch.bfloat16)
        for name in ("BERT", "DeBERTa-v1", "X-MOD"):
            folder = tmp_path / name
            folder.mkdir()
            FAMILIES[name].write(folder, hidden_size=128, intermediate_size=128)
        able = load_teacher(str(tmp_path / "BERT"), Task.TEXT, LABELS).model
        assert devices.fast_products(able)._enabled
        assert "bfloat16" not in caplog.text
        ids = torch.tensor([[2, 5, 3]])
        for name, kind in (("DeBERTa-v1", "deberta"), ("X-MOD", "xmod")):
            unable = load_teacher(str(tmp_path / name), Task.TEXT, LABELS).model
            assert f"({kind}) cannot multiply in bfloat16: float32 is used" in caplog.text
            assert not devices.fast_products(unable)._enabled
            with devices.fast_products(unable):
                unable(ids, torch.ones_like(ids)).sum().backward()
        encoder = load_encoder(str(tmp_path / "DeBERTa-v1"))
        assert not devices.fast_products(encoder.model)._enabled


def test_a_copy_of_the_folder_is_left_as_it_was(bert: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in bert.iterdir()}
    load_teacher(str(bert), Task.TOKEN, LABELS)
    assert {path.name: path.read_bytes() for path in bert.iterdir()} == before
    shutil.rmtree(bert)
