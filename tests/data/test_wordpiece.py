import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from kdops.data.wordpiece import SPECIAL_TOKENS, UNKNOWN, train_wordpiece

SAMPLE = Path(__file__).parents[2] / "kdops" / "data" / "sample"
PROGRAM = f"""
import json, pathlib
from kdops.data.wordpiece import train_wordpiece
lines = pathlib.Path({str(SAMPLE / "text" / "train.jsonl")!r}).read_text(encoding="utf-8").splitlines()
print(train_wordpiece([json.loads(line)["text"] for line in lines], 600, lowercase=True).to_str())
"""


def sample_texts(split: str) -> list[str]:
    lines = (SAMPLE / "text" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    return train_wordpiece(sample_texts("train"), 600, lowercase=True)


def test_every_process_makes_the_same_tokenizer(trained: Tokenizer) -> None:
    def made(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": "true"}
        command = [sys.executable, "-c", PROGRAM]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert made("1") == made("2") == trained.to_str()


def test_ids_are_those_that_the_size_allows_special_tokens_first(trained: Tokenizer) -> None:
    vocabulary = trained.get_vocab()
    assert sorted(vocabulary.values()) == list(range(600))
    assert [trained.id_to_token(index) for index in range(5)] == list(SPECIAL_TOKENS)
    assert trained.encode("x").tokens[0] == "[CLS]"
    assert trained.encode("x").tokens[-1] == "[SEP]"


def test_unknown_tokens_are_rare_in_other_text(trained: Tokenizer) -> None:
    tokens = Counter(token for one in trained.encode_batch(sample_texts("test")) for token in one.tokens)
    assert tokens[UNKNOWN] < 0.001 * tokens.total()
    # Whole words too, not characters one by one.
    assert tokens.total() < 2 * sum(len(text.split()) + 2 for text in sample_texts("test"))


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_text_and_its_words_give_the_same_tokens(lowercase: bool) -> None:
    tokenizer = train_wordpiece(sample_texts("train"), 400, lowercase=lowercase)
    for text in [*sample_texts("test")[:100], "Kafé  di-jual, 24/7 !", "İstanbul e\u0301 東京"]:
        assert tokenizer.encode(text).ids == tokenizer.encode(text.split(), is_pretokenized=True).ids


def test_case_is_kept_or_not_and_accents_are_kept() -> None:
    texts = ["Budi melihat café di Bandung", "budi melihat cafe di bandung"] * 5
    cased, lower = (train_wordpiece(texts, 200, lowercase=choice) for choice in (False, True))
    assert "Bandung" in cased.get_vocab()
    assert cased.encode("Bandung").ids != cased.encode("bandung").ids
    assert lower.encode("Bandung").ids == lower.encode("bandung").ids
    for tokenizer in (cased, lower):
        assert tokenizer.encode("café").ids != tokenizer.encode("cafe").ids
        assert tokenizer.encode("cafe\u0301").ids == tokenizer.encode("café").ids
        assert tokenizer.encode("ca\u200bfé\u0007").ids == tokenizer.encode("café").ids


def test_frequent_characters_are_tokens_and_rare_ones_are_not() -> None:
    tokenizer = train_wordpiece(["ab ba", "ab ba", "ba ab", "xyz", "xyz 東 東 東 ! ! !"], 100, lowercase=False)
    assert {"a", "##a", "b", "##b", "東", "!"} <= tokenizer.get_vocab().keys()
    # Twice in all is too rare; marks and Chinese characters never stand inside a word.
    assert not {"x", "##x", "##東", "##!"} & tokenizer.get_vocab().keys()
    assert tokenizer.encode("ax").tokens == ["[CLS]", UNKNOWN, "[SEP]"]


def test_characters_take_a_quarter_of_the_vocabulary_at_most() -> None:
    characters = [chr(0x4E00 + index) for index in range(300)]
    texts = [" ".join(characters[: 300 - index]) for index in range(10)]
    vocabulary = train_wordpiece(texts * 3, 200, lowercase=True).get_vocab()
    assert len(vocabulary) == 5 + 50
    # The most frequent ones.
    assert set(characters[:50]) <= vocabulary.keys()


def test_no_texts_make_a_tokenizer_that_knows_nothing() -> None:
    assert train_wordpiece([], 100, lowercase=True).encode("apa").tokens == ["[CLS]", UNKNOWN, "[SEP]"]


def test_a_vocabulary_may_not_be_tiny() -> None:
    with pytest.raises(ValueError, match="a vocabulary of 50 tokens is too small; it needs at least 100"):
        train_wordpiece(["a"], 50, lowercase=True)
