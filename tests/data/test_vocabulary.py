import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from kdops.data.corpus import load_corpus
from kdops.data.encoding import encode
from kdops.data.vocabulary import Vocabulary, trim
from kdops.task import Task

ALPHABET = "abcdefghij"
SPECIALS = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
Trainer = trainers.WordPieceTrainer | trainers.UnigramTrainer | trainers.BpeTrainer


def corpus() -> list[str]:
    random = np.random.default_rng(0)
    stems = ["".join(random.choice(list(ALPHABET), size=random.integers(2, 7))) for _ in range(60)]
    words = [[stems[one] for one in random.integers(0, 60, 2)] for _ in range(3_000)]
    joined = ["".join(pair[: random.integers(1, 3)]) for pair in words]
    # Every character begins a word, and stands inside one.
    return [" ".join(joined[start : start + 6]) for start in range(0, 3_000, 6)] + [f"{c} {c}{c}" for c in ALPHABET]


TEXTS = corpus()
COUNTED = TEXTS[:20]


def finished(tokenizer: Tokenizer, trainer: Trainer) -> Tokenizer:
    tokenizer.train_from_iterator(TEXTS, trainer)
    specials = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=specials)
    return tokenizer


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return finished(tokenizer, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIALS, show_progress=False))


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=SPECIALS, unk_token="<unk>", show_progress=False)
    return finished(tokenizer, trainer)


def byte_level_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return finished(
        tokenizer,
        trainers.BpeTrainer(vocab_size=500, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False),
    )


def bpe_with_word_ends() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIALS, end_of_word_suffix="</w>", show_progress=False
    )
    return finished(tokenizer, trainer)


def bpe_with_word_insides() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="##", unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIALS, continuing_subword_prefix="##", show_progress=False
    )
    return finished(tokenizer, trainer)


KINDS = [wordpiece, unigram, byte_level_bpe, bpe_with_word_ends, bpe_with_word_insides]


def trimmed(full: Tokenizer, texts: list[str] = COUNTED) -> Vocabulary:
    return trim(full, encode(full, texts, Task.TEXT, 512).ids)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def full(request: pytest.FixtureRequest) -> Tokenizer:
    make: Callable[[], Tokenizer] = request.param
    return make()


@pytest.fixture(scope="module")
def vocabulary(full: Tokenizer) -> Vocabulary:
    return trimmed(full)


def test_it_gets_smaller(full: Tokenizer, vocabulary: Vocabulary) -> None:
    assert vocabulary.size < vocabulary.teacher_size == full.get_vocab_size()
    assert vocabulary.tokenizer.get_vocab_size() == vocabulary.size
    assert sorted(vocabulary.tokenizer.get_vocab().values()) == list(range(vocabulary.size))


def test_counted_texts_are_cut_into_the_same_pieces(full: Tokenizer, vocabulary: Vocabulary) -> None:
    for text in COUNTED:
        before, after = full.encode(text), vocabulary.tokenizer.encode(text)
        assert after.tokens == before.tokens
        assert vocabulary.from_teacher[before.ids].tolist() == after.ids
        assert vocabulary.teacher_ids[after.ids].tolist() == before.ids
        assert after.offsets == before.offsets


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=st.text(ALPHABET + "   ", max_size=60))
def test_any_other_text_reads_the_same(full: Tokenizer, vocabulary: Vocabulary, text: str) -> None:
    before, after = full.encode(text), vocabulary.tokenizer.encode(text)
    assert vocabulary.tokenizer.decode(after.ids) == full.decode(before.ids)
    assert ("<unk>" in after.tokens) == ("<unk>" in before.tokens)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text("abc é✓\U0001f600", max_size=20))
def test_unknown_characters_are_as_unknown_as_before(full: Tokenizer, vocabulary: Vocabulary, text: str) -> None:
    before, after = full.encode(text), vocabulary.tokenizer.encode(text)
    assert after.tokens.count("<unk>") == before.tokens.count("<unk>")


def test_special_tokens_keep_their_meaning(full: Tokenizer, vocabulary: Vocabulary) -> None:
    trimmed_ids = vocabulary.tokenizer.encode("abc <mask> abc").ids
    names = [vocabulary.tokenizer.id_to_token(one) for one in trimmed_ids]
    assert names[0] == "<s>"
    assert names[-1] == "</s>"
    assert "<mask>" in names
    for token in SPECIALS:
        assert vocabulary.from_teacher[full.token_to_id(token)] == vocabulary.tokenizer.token_to_id(token)


def test_ids_go_there_and_back(vocabulary: Vocabulary) -> None:
    there = vocabulary.from_teacher
    assert there.shape == (vocabulary.teacher_size,)
    assert there[vocabulary.teacher_ids].tolist() == list(range(vocabulary.size))
    assert (there == -1).sum() == vocabulary.teacher_size - vocabulary.size
    assert (np.diff(vocabulary.teacher_ids) > 0).all()


def test_the_full_tokenizer_is_left_as_it_was(full: Tokenizer) -> None:
    before = full.to_str()
    trimmed(full)
    assert full.to_str() == before


def test_trimming_again_changes_nothing(vocabulary: Vocabulary) -> None:
    again = trimmed(vocabulary.tokenizer)
    assert again.tokenizer.get_vocab() == vocabulary.tokenizer.get_vocab()


@pytest.mark.parametrize("processor", [processors.BertProcessing, processors.RobertaProcessing])
def test_older_post_processors_are_renumbered(
    processor: type[processors.BertProcessing] | type[processors.RobertaProcessing],
) -> None:
    full = wordpiece()
    ends = {token: full.get_vocab()[token] for token in ("</s>", "<s>")}
    full.post_processor = processors.Sequence([processor(("</s>", ends["</s>"]), ("<s>", ends["<s>"]))])
    # Special tokens at the end, where trimming moves them.
    vocabulary = trimmed(with_specials_last(full))
    assert vocabulary.tokenizer.encode(COUNTED[0]).tokens == full.encode(COUNTED[0]).tokens
    assert vocabulary.tokenizer.token_to_id("<s>") != full.token_to_id("<s>")


def with_specials_last(tokenizer: Tokenizer) -> Tokenizer:
    spec = json.loads(tokenizer.to_str())
    pieces = [piece for piece in spec["model"]["vocab"] if piece not in SPECIALS] + SPECIALS
    ids = {piece: at for at, piece in enumerate(pieces)}
    spec["model"]["vocab"] = ids
    for token in spec["added_tokens"]:
        token["id"] = ids[token["content"]]
    for processor in spec["post_processor"]["processors"]:
        for key in ("sep", "cls"):
            processor[key] = [processor[key][0], ids[processor[key][0]]]
    return Tokenizer.from_str(json.dumps(spec))


def test_wordpiece_keeps_pieces_whose_characters_no_piece_stands_for() -> None:
    pieces = ["[UNK]", "a", "##a", "b", "ab", "aa", "##aa", "a\u0301"]
    full = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    full.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    kept = trim(full, np.array([1])).tokenizer
    # "##b" is missing, so "ab" cannot be spelled; "aa" can.
    assert kept.encode("ab").tokens == ["ab"]
    assert kept.encode("aaa").tokens == ["a", "##a", "##a"]
    assert kept.encode("a\u0301").tokens == ["a\u0301"]


def test_unigram_keeps_pieces_whose_characters_no_piece_stands_for() -> None:
    full = Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0), ("xy", -3.0), ("aa", -1.5), ("b", -9.0)], unk_id=0))
    vocabulary = trim(full, np.array([1]))
    assert vocabulary.teacher_ids[vocabulary.tokenizer.encode("xy").ids].tolist() == [2]
    assert vocabulary.tokenizer.encode("aa").tokens == ["a", "a"]


def test_unigram_takes_unknown_characters_for_as_bad_as_before() -> None:
    # An unknown character scores 10 below the worst piece: without "bbbb" an unknown "x" and "yz" would be best.
    pieces = [("<unk>", 0.0), ("b", -1.0), ("xy", -15.0), ("z", -15.0), ("yz", -1.0), ("bbbb", -29.0)]
    full = Tokenizer(models.Unigram(pieces, unk_id=0))
    vocabulary = trim(full, np.array([2, 3, 4]))
    for tokenizer in (full, vocabulary.tokenizer):
        assert tokenizer.encode("xyz").tokens == ["xy", "z"]


def test_bpe_keeps_the_characters_that_end_words() -> None:
    pieces = {"<unk>": 0, "a": 1, "b": 2, "a</w>": 3, "b</w>": 4, "ab</w>": 5}
    full = Tokenizer(models.BPE(pieces, [("a", "b</w>")], unk_token="<unk>", end_of_word_suffix="</w>"))
    kept = trim(full, np.array([1])).tokenizer
    assert kept.encode("ab").tokens == ["a", "b</w>"]
    assert trim(full, np.array([5])).tokenizer.encode("ab").tokens == ["ab</w>"]


def test_bpe_keeps_an_unknown_token_that_is_not_special() -> None:
    full = Tokenizer(models.BPE({"<unk>": 0, "a": 1, "b": 2, "ab": 3}, [("a", "b")], unk_token="<unk>"))
    kept = trim(full, np.array([1])).tokenizer
    assert kept.encode("a?b").tokens == ["a", "<unk>", "b"]


def test_ids_that_are_left_out_do_no_harm() -> None:
    full = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "b": 5, "abc": 9}, unk_token="[UNK]"))
    vocabulary = trim(full, np.array([5]))
    assert vocabulary.teacher_size == 10
    assert vocabulary.from_teacher[[0, 1, 5]].tolist() == [0, 1, 2]


def test_a_tokenizer_of_another_kind_is_kept_whole(caplog: pytest.LogCaptureFixture) -> None:
    full = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<unk>": 2}, unk_token="<unk>"))
    with caplog.at_level(logging.WARNING):
        vocabulary = trim(full, np.array([0]))
    assert vocabulary.size == vocabulary.teacher_size == 3
    assert vocabulary.from_teacher.tolist() == [0, 1, 2]
    assert "WordLevel tokenizer is kept whole" in caplog.text


def test_a_real_encoder(encoder: Path) -> None:
    full = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    sample = load_corpus("sample")
    counted, others = sample.inputs("train")[:300], sample.inputs("test")[:300]
    vocabulary = trim(full, encode(full, counted, Task.TEXT, 128).ids)
    assert vocabulary.size < 0.5 * vocabulary.teacher_size
    full.no_padding()
    full.no_truncation()
    for text in map(str, counted):
        assert vocabulary.tokenizer.encode(text).tokens == full.encode(text).tokens
    for text in [*map(str, others), "Пример ✓ 例 \U0001f600 naïve Ελλάδα", "\u0301\u0327 ██ в"]:
        before, after = full.encode(text), vocabulary.tokenizer.encode(text)
        assert vocabulary.tokenizer.decode(after.ids) == full.decode(before.ids)
        assert ("<unk>" in after.tokens) == ("<unk>" in before.tokens)
