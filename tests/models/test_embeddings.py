import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from kdops.data.encoding import Encoded, encode
from kdops.models.embeddings import TokenTexts, cooccurrence_vectors, fasttext_table, fit_width
from kdops.task import Task


def random_table(pieces: int, width: int, rank: int | None = None) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    rank = rank or width
    left = torch.randn(pieces, rank, generator=generator, dtype=torch.float64)
    scales = torch.linspace(3.0, 0.3, rank, dtype=torch.float64)
    return (left * scales) @ torch.randn(rank, width, generator=generator, dtype=torch.float64) + 2.5


def same_up_to_scale(actual: np.ndarray, expected: np.ndarray) -> bool:
    ratio = (actual * expected).sum() / (expected * expected).sum()
    return bool(ratio > 0 and np.allclose(actual, ratio * expected, atol=1e-4 * np.abs(actual).max()))


@pytest.mark.parametrize("width", [1, 8, 24, 40])
def test_the_result_has_mean_zero_and_the_scale_of_a_random_start(width: int) -> None:
    fitted = fit_width(random_table(300, 24), width)
    assert fitted.shape == (300, width)
    assert fitted.dtype == torch.float32
    assert fitted.mean(dim=0).abs().max() < 1e-5
    assert fitted.double().std().item() == pytest.approx(width**-0.5, rel=1e-4)


@pytest.mark.parametrize("width", [3, 8, 16])
def test_pieces_keep_their_geometry_as_far_as_the_width_allows(width: int) -> None:
    table = random_table(200, 24)
    centred = (table - table.mean(dim=0)).numpy()
    left, strengths, right = np.linalg.svd(centred, full_matrices=False)
    truncated = (left[:, :width] * strengths[:width]) @ right[:width]
    fitted = fit_width(table, width).double().numpy()
    assert same_up_to_scale(fitted @ fitted.T, truncated @ truncated.T)


def test_a_table_of_low_rank_keeps_all_of_its_geometry() -> None:
    table = random_table(100, 64, rank=5)
    centred = (table - table.mean(dim=0)).numpy()
    fitted = fit_width(table, 5).double().numpy()
    assert same_up_to_scale(fitted @ fitted.T, centred @ centred.T)


def test_a_narrower_teacher_leaves_the_columns_beyond_its_own_zero() -> None:
    table = random_table(100, 16)
    fitted = fit_width(table, 20)
    assert not fitted[:, 16:].any()
    assert fitted[:, :16].any(dim=0).all()
    centred = (table - table.mean(dim=0)).numpy()
    wide = fitted.double().numpy()
    assert same_up_to_scale(wide @ wide.T, centred @ centred.T)


def test_a_trainable_table_is_neither_changed_nor_tied() -> None:
    table = random_table(50, 8).to(torch.float32).requires_grad_()
    before = table.detach().clone()
    fitted = fit_width(table, 4)
    assert not fitted.requires_grad
    assert torch.equal(table, before)


TOPICS = [("nasi", "ayam", "sambal", "goreng"), ("bank", "kredit", "bunga", "saldo")]
WORDS = [word for topic in TOPICS for word in topic]


@pytest.fixture(scope="module")
def vectors() -> torch.Tensor:
    return vectors_of(width=4)


def vectors_of(width: int) -> torch.Tensor:
    return cooccurrence_vectors(encoded_topics(200), len(WORDS), width)


def encoded_topics(texts: int) -> Encoded:
    random = np.random.default_rng(0)
    written = [" ".join(random.choice(TOPICS[index % 2], size=6)) for index in range(texts)]
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="nasi"))
    tokenizer.pre_tokenizer = Whitespace()
    return encode(tokenizer, written, Task.TEXT, 32)


def test_words_that_share_contexts_are_nearer_than_others(vectors: torch.Tensor) -> None:
    unit = torch.nn.functional.normalize(vectors, dim=1)
    likeness = unit @ unit.T
    same_topic = torch.kron(torch.eye(2), torch.ones(4, 4)).bool()
    assert likeness[same_topic].min() > 0.5
    assert likeness[~same_topic].max() < 0.0


def test_vectors_have_mean_zero_and_standard_deviation_one(vectors: torch.Tensor) -> None:
    assert vectors.shape == (len(WORDS), 4)
    assert vectors.dtype == torch.float32
    assert vectors.mean(dim=0).abs().max() < 1e-5
    assert vectors.std().item() == pytest.approx(1.0, rel=1e-4)


def test_vectors_are_the_same_every_time(vectors: torch.Tensor) -> None:
    assert torch.equal(vectors_of(width=4), vectors)


def test_a_small_vocabulary_gives_wide_vectors_too() -> None:
    vectors = vectors_of(width=20)
    assert vectors.shape == (len(WORDS), 20)
    assert vectors.isfinite().all()
    assert not vectors[:, len(WORDS) :].any()


def test_piece_texts_can_be_read_again_and_again() -> None:
    texts = TokenTexts(encoded_topics(3), WORDS)
    first = list(texts)
    assert [len(text) for text in first] == [6, 6, 6]
    assert set(first[0]) <= set(TOPICS[0])
    assert list(texts) == first


def fasttext_of(pieces: list[str], seed: int = 1) -> torch.Tensor:
    return fasttext_table(TokenTexts(encoded_topics(2_000), WORDS), pieces, 16, seed=seed)


@pytest.fixture(scope="module")
def fasttext() -> torch.Tensor:
    return fasttext_of(WORDS)


def test_fasttext_puts_pieces_of_a_topic_together(fasttext: torch.Tensor) -> None:
    unit = torch.nn.functional.normalize(fasttext, dim=1)
    likeness = unit @ unit.T
    same_topic = torch.kron(torch.eye(2), torch.ones(4, 4)).bool()
    assert likeness[same_topic].min() > likeness[~same_topic].max()


def test_fasttext_has_mean_zero_and_the_scale_of_a_random_start(fasttext: torch.Tensor) -> None:
    assert fasttext.dtype == torch.float32
    assert fasttext.mean(dim=0).abs().max() < 1e-5
    assert fasttext.std().item() == pytest.approx(16**-0.5, rel=0.01)


def test_fasttext_is_the_same_every_time(fasttext: torch.Tensor) -> None:
    assert torch.equal(fasttext_of(WORDS), fasttext)
    assert not torch.equal(fasttext_of(WORDS, seed=2), fasttext)


def test_fasttext_is_the_same_in_every_process() -> None:
    texts, pieces = [["▁nasi", "goreng", "an"], ["▁bank", "an", "s"]] * 50, ["▁nasi", "an", "s", "goreng"]
    code = (
        "from kdops.models.embeddings import fasttext_table\n"
        f"print(fasttext_table({texts!a}, {pieces!a}, 4, seed=1).tolist())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "123"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment)
    assert done.stdout.strip() == str(fasttext_table(texts, pieces, 4, seed=1).tolist())


def test_fasttext_gives_pieces_without_a_text_what_their_spelling_says() -> None:
    table = fasttext_of([*WORDS, "gorengan", "x", "[PAD]"])
    assert table.shape == (11, 16)
    assert table.isfinite().all()
    unit = torch.nn.functional.normalize(table, dim=1)
    likeness = unit[8] @ unit[:8].T
    assert WORDS[int(likeness.argmax())] == "goreng"
