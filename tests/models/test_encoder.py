from pathlib import Path

import pytest
import torch
from encoders import FAMILIES
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification, TokenizersBackend

from kdops.data.wordpiece import PAD, train_wordpiece
from kdops.errors import UserError
from kdops.models.encoder import load_encoder
from kdops.models.teachers.loading import load_teacher
from kdops.task import Task


@pytest.fixture
def tokenizer() -> Tokenizer:
    return train_wordpiece(["budi ke bandung"] * 9, 100, lowercase=True)


def save(folder: Path, tokenizer: Tokenizer, pad: str | None = PAD) -> BertForSequenceClassification:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=100,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
    )
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    TokenizersBackend(tokenizer_object=tokenizer, pad_token=pad, model_max_length=64).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return model


def test_it_gives_the_last_states_of_a_model_with_a_head(tmp_path: Path, tokenizer: Tokenizer) -> None:
    model = save(tmp_path, tokenizer)
    encoder = load_encoder(str(tmp_path))
    assert (encoder.pad_id, encoder.max_length) == (0, 40)
    ids = torch.tensor([encoder.tokenizer.encode("budi ke bandung").ids])
    mask = torch.ones_like(ids)
    expected = model.bert(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(encoder.model(ids, mask), expected)


def test_what_cannot_be_a_teacher_is_no_encoder(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match=f"^teacher '{tmp_path}/nothing' is not a folder with a Hugging Face model"):
        load_encoder(str(tmp_path / "nothing"))
    save(tmp_path, tokenizer, pad=None)
    with pytest.raises(UserError, match=r"has a tokenizer without a padding token$"):
        load_encoder(str(tmp_path))


def test_it_is_read_as_the_teacher_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the tokenizer, the positions and the weights that the teacher has, or not at all."""
    caplog.set_level("INFO")
    for name in ("ALBERT with vocab.txt", "RoBERTa", "GPT-2"):
        folder = tmp_path / name
        folder.mkdir()
        teacher = load_teacher(str(FAMILIES[name].write(folder)), Task.TEXT, ("a", "b", "c"))
        caplog.clear()
        encoder = load_encoder(str(folder))
        assert encoder.tokenizer.to_str() == teacher.tokenizer.to_str()
        assert (encoder.pad_id, encoder.max_length) == (teacher.pad_id, teacher.max_length)
        assert "head" not in caplog.text
    weights = tmp_path / "RoBERTa" / "model.safetensors"
    save_file({f"other.{name}": value for name, value in load_file(weights).items()}, weights)
    with pytest.raises(UserError, match=r"its weights do not fit its config\.json"):
        load_encoder(str(tmp_path / "RoBERTa"))
