"""Public data and a real encoder, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kdops.data.encoding import encode
from kdops.models.teachers.loading import load_teacher
from kdops.steps.data_config import DataConfig
from kdops.steps.setup import checked_corpus
from kdops.training.stored_logits import text_keys
from kdops.training.teacher_logits import Question, teacher_logits

pytestmark = pytest.mark.slow
TEXTS, MAX_LENGTH = 32, 96


@pytest.mark.usefixtures("float32_products")
@pytest.mark.parametrize("name", ["smsa", "nergrit"])
def test_a_real_teacher_reads_real_texts(
    name: str, mirror: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", str(mirror))
    corpus = checked_corpus(DataConfig(dataset=name)).corpus
    torch.manual_seed(0)
    teacher = load_teacher(str(encoder), corpus.task, corpus.labels)
    assert teacher.max_length >= MAX_LENGTH
    texts = corpus.inputs("train")[:TEXTS]
    encoded = encode(teacher.tokenizer, texts, corpus.task, MAX_LENGTH)
    question = Question(teacher.model, encoded, teacher.pad_id)
    stored = teacher_logits(tmp_path / "logits", text_keys(texts), len(corpus.labels), lambda rows: question)
    assert stored.computed == TEXTS
    # Each text alone, with no padding beside it, gives the same.
    for row in (0, TEXTS // 2, TEXTS - 1):
        ids = torch.from_numpy(encoded.ids[encoded.row_starts[row] : encoded.row_starts[row + 1]].astype(np.int64))
        positions = encoded.unit_positions[encoded.unit_starts[row] : encoded.unit_starts[row + 1]]
        with torch.inference_mode():
            logits = teacher.model(ids[None], torch.ones_like(ids)[None])
        alone = (logits if logits.dim() == 2 else logits[0, positions]).numpy()
        np.testing.assert_allclose(stored.gather(np.array([row])), alone, atol=1e-4)
