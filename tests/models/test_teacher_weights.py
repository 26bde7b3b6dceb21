"""The weights of a teacher are all there, and its head speaks of the data's labels."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from encoders import FAMILIES, TEXTS
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import pipeline

from kdops.data.encoding import encode
from kdops.errors import UserError
from kdops.metrics import score
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher
from kdops.task import Task
from kdops.training.scoring import LabeledTexts

LABELS = ("negative", "neutral", "positive")
TAGS = ("O", "B-LOC", "B-PER", "I-LOC", "I-PER")


def rename(folder: Path, change: Callable[[str], str]) -> None:
    path = folder / "model.safetensors"
    save_file({change(name): weights for name, weights in load_file(path).items()}, path, {"format": "pt"})


def logits_of(teacher: Teacher, text: str) -> Tensor:
    ids = torch.tensor([teacher.tokenizer.encode(text).ids])
    with torch.inference_mode():
        logits: Tensor = teacher.model.eval()(ids, torch.ones_like(ids))
    return logits


class TestWeights:
    @pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "model.module."])
    def test_known_prefixes_are_left_out_and_told(
        self, prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=LABELS)
        expected = logits_of(load_teacher(str(folder), Task.TEXT, LABELS), TEXTS[0])
        rename(folder, lambda name: prefix + name)
        caplog.clear()
        torch.testing.assert_close(logits_of(load_teacher(str(folder), Task.TEXT, LABELS), TEXTS[0]), expected)
        assert "prefixes such as module." in caplog.text

    def test_names_that_do_not_fit_are_an_error(self, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path)
        rename(folder, lambda name: f"student.{name}")
        with pytest.raises(UserError, match=r"weights do not fit its config.json: bert\.\S+ is missing and \d+ more$"):
            load_teacher(str(folder), Task.TEXT, LABELS)

    def test_a_layer_that_is_missing_is_an_error(self, tmp_path: Path) -> None:
        folder = FAMILIES["RoBERTa"].write(tmp_path)
        weights = load_file(folder / "model.safetensors")
        gone = [name for name in weights if "layer.1.output.dense.weight" in name]
        save_file({name: one for name, one in weights.items() if name not in gone}, folder / "model.safetensors")
        with pytest.raises(UserError, match=r"layer\.1\.output\.dense\.weight is missing$"):
            load_teacher(str(folder), Task.TOKEN, TAGS)

    def test_another_width_is_an_error(self, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path)
        config = folder / "config.json"
        config.write_text(config.read_text().replace('"intermediate_size": 64', '"intermediate_size": 48'))
        with pytest.raises(UserError, match=r"is \(64,\) in the file, not \(48,\) and \d more$"):
            load_teacher(str(folder), Task.TEXT, LABELS)

    def test_layers_that_are_left_out_are_told(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        folder = FAMILIES["BERT"].write(tmp_path)
        config = folder / "config.json"
        config.write_text(config.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 1'))
        load_teacher(str(folder), Task.TEXT, LABELS)
        assert re.search(r"its config.json leaves out 16 weights of its file, \S*layer\.1\.\S+ for one", caplog.text)

    def test_a_pooler_may_be_missing(self, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path)
        weights = load_file(folder / "model.safetensors")
        assert any("pooler" in name for name in weights)
        kept = {name: one for name, one in weights.items() if "pooler" not in name}
        save_file(kept, folder / "model.safetensors", {"format": "pt"})
        assert logits_of(load_teacher(str(folder), Task.TEXT, LABELS), TEXTS[0]).isfinite().all()


class TestHead:
    @pytest.mark.parametrize("name", ["BERT", "RoBERTa", "DistilBERT", "ELECTRA", "GPT-2", "ModernBERT"])
    @pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
    def test_its_rows_go_by_label_name(
        self, name: str, task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        labels = LABELS if task is Task.TEXT else TAGS
        folder = FAMILIES[name].write(tmp_path, task=task, labels=labels)
        caplog.set_level("INFO")
        own = load_teacher(str(folder), task, labels)
        assert f"it keeps its head (labels: {', '.join(labels)})" in caplog.text
        turned = load_teacher(str(folder), task, labels[::-1], as_is=True)
        torch.testing.assert_close(logits_of(turned, TEXTS[0]), logits_of(own, TEXTS[0]).flip(-1))
        turned.save(folder / "turned")
        again = load_teacher(str(folder / "turned"), task, labels, as_is=True)
        torch.testing.assert_close(logits_of(again, TEXTS[0]), logits_of(own, TEXTS[0]))

    def test_other_labels_get_a_new_head_and_are_told(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=LABELS)
        kept = load_teacher(str(folder), Task.TEXT, LABELS).model.encoder.state_dict()
        torch.manual_seed(1)
        other = load_teacher(str(folder), Task.TEXT, ("a", "b", "c")).model.encoder.state_dict()
        assert "its head is for other labels (negative, neutral, positive): it gets a new one" in caplog.text
        assert {name for name in kept if not torch.equal(kept[name], other[name])} == {"classifier.weight"}

    @pytest.mark.parametrize(
        ("theirs", "labels"),
        [
            (("NEGATIVE", "Positive", "neutral"), LABELS),
            (("i-per", "b-per", "o", "B-LOC", "I-loc"), TAGS),
            (("I_PER", "B_PER", "O", "B_LOC", "I_LOC"), TAGS),
            (("PER-I", "PER-B", "O", "LOC-B", "LOC-I"), TAGS),
        ],
    )
    def test_case_and_forms_of_names_do_not_matter(
        self, theirs: tuple[str, ...], labels: tuple[str, ...], tmp_path: Path
    ) -> None:
        task = Task.TEXT if len(labels) == 3 else Task.TOKEN
        folder = FAMILIES["BERT"].write(tmp_path, task=task, labels=theirs)
        plain = logits_of(load_teacher(str(folder), task, theirs), TEXTS[0])
        matched = load_teacher(str(folder), task, labels, as_is=True)
        spelled = {"per-i": "i-per", "per-b": "b-per", "loc-i": "i-loc", "loc-b": "b-loc"}
        names = [spelled.get(name.lower(), name.lower().replace("_", "-")) for name in theirs]
        order = [names.index(label.lower()) for label in labels]
        torch.testing.assert_close(logits_of(matched, TEXTS[0]), plain[..., order])


class TestAsIs:
    def test_other_labels_are_refused_with_both_lists(self, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=("joy", "anger", "fear"))
        with pytest.raises(UserError) as caught:
            load_teacher(str(folder), Task.TEXT, LABELS, as_is=True)
        assert str(caught.value) == (
            f"teacher {str(folder)!r} cannot be used as it is: its labels are joy, anger, fear; the data's are "
            "negative, neutral, positive; give one fine-tuned so, or let it be trained"
        )

    def test_too_few_labels_cannot_be_mended_by_names(self, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=("LABEL_0", "LABEL_1"))
        with pytest.raises(UserError, match="give one with as many labels, or let it be trained"):
            load_teacher(str(folder), Task.TEXT, LABELS, as_is=True)

    def test_numbered_labels_need_names(self, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=("LABEL_0", "LABEL_1", "LABEL_2"))
        with pytest.raises(UserError, match="give LABEL_0, LABEL_1, LABEL_2 names by label_names"):
            load_teacher(str(folder), Task.TEXT, LABELS, as_is=True)
        names = {"LABEL_0": "positive", "LABEL_1": "negative", "LABEL_2": "neutral"}
        plain = logits_of(load_teacher(str(folder), Task.TEXT, [*names]), TEXTS[0])
        named = load_teacher(str(folder), Task.TEXT, LABELS, as_is=True, label_names=names)
        torch.testing.assert_close(logits_of(named, TEXTS[0]), plain[:, [1, 2, 0]])

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ({"LABEL_7": "positive"}, "the teacher has no label 'LABEL_7'; it has: LABEL_0, LABEL_1, LABEL_2"),
            ({"LABEL_0": "good"}, "the data have no label 'good'; they have: negative, neutral, positive"),
        ],
    )
    def test_names_that_nobody_has_are_refused(self, names: dict[str, str], message: str, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=("LABEL_0", "LABEL_1", "LABEL_2"))
        with pytest.raises(UserError, match=message):
            load_teacher(str(folder), Task.TEXT, LABELS, as_is=True, label_names=names)

    def test_an_encoder_without_a_head_is_refused(self, tmp_path: Path) -> None:
        folder = FAMILIES["BERT"].write(tmp_path, id2label=dict(enumerate(LABELS)))
        with pytest.raises(UserError, match=r"cannot be used as it is: it has no classifier \(BertModel\); let it be"):
            load_teacher(str(folder), Task.TEXT, LABELS, as_is=True)
        config = folder / "config.json"  # says that it has a head, which its weights lack
        content = config.read_text(encoding="utf-8").replace("BertModel", "BertForSequenceClassification")
        config.write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match=r"cannot be used as it is: its file has no classifier\.bias"):
            load_teacher(str(folder), Task.TEXT, LABELS, as_is=True)

    def test_several_labels_a_text_are_refused(self, tmp_path: Path) -> None:
        settings = {"problem_type": "multi_label_classification"}
        folder = FAMILIES["BERT"].write(tmp_path, task=Task.TEXT, labels=LABELS, **settings)
        with pytest.raises(UserError, match="it was trained for multi label classification"):
            load_teacher(str(folder), Task.TEXT, LABELS, as_is=True)

    @pytest.mark.parametrize("name", ["BERT", "ELECTRA", "XLM-R"])
    def test_its_score_is_that_of_the_pipeline(self, name: str, tmp_path: Path) -> None:
        theirs = ("Positive", "negative", "neutral")
        folder = FAMILIES[name].write(tmp_path, task=Task.TEXT, labels=theirs, initializer_range=1.0)
        gold = [LABELS[row % 3] for row in range(len(TEXTS))]
        answers = pipeline("text-classification", model=str(folder))(TEXTS)
        said = [answer["label"].lower() for answer in answers]
        teacher = load_teacher(str(folder), Task.TEXT, LABELS, as_is=True)
        surest = [float(logits_of(teacher, text).softmax(dim=-1).max()) for text in TEXTS]
        assert surest == pytest.approx([answer["score"] for answer in answers], abs=1e-4)
        encoded = encode(teacher.tokenizer, TEXTS, Task.TEXT, 32)
        texts = LabeledTexts(encoded, gold, Task.TEXT, LABELS, teacher.pad_id)
        assert texts.predictions(teacher.model) == said
        assert texts.scores(teacher.model) == score(Task.TEXT, LABELS, gold, said)
