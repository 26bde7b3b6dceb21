from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tokenizers import BertWordPieceTokenizer, Tokenizer, pre_tokenizers
from tokenizers.models import BPE, WordLevel
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from kdops.data.encoding import Encoded, encode, encode_words, mark_word_starts, pair_separator
from kdops.data.wordpiece import train_wordpiece
from kdops.task import Task

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "makan", "##an", "nya", "##nya", "enak", "di", "jakarta", ",", "\ufffd"]
ID = {piece: index for index, piece in enumerate(PIECES)}
# A zero-width space and a control character: BERT's normalizer removes both.
VANISHING = ["\u200b", "\x01"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = Tokenizer.from_str(BertWordPieceTokenizer(vocab=dict(ID), lowercase=True).to_str())
    specials = [(token, ID[token]) for token in ("[CLS]", "[SEP]")]
    made.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=specials)
    return made


def rows_of(encoded: Encoded) -> list[list[str]]:
    starts = encoded.row_starts
    return [[PIECES[one] for one in encoded.ids[a:b]] for a, b in pairwise(starts)]


def units_of(encoded: Encoded) -> list[list[tuple[int, int]]]:
    pairs = list(zip(encoded.unit_words.tolist(), encoded.unit_positions.tolist(), strict=True))
    starts = encoded.unit_starts
    return [pairs[a:b] for a, b in pairwise(starts)]


def assert_same(actual: Encoded, expected: Encoded) -> None:
    for name, value in vars(expected).items():
        assert_array_equal(vars(actual)[name], value, err_msg=name)
        assert vars(actual)[name].dtype == value.dtype, name


def test_a_text_is_one_unit_at_its_first_position(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, ["Makanannya enak", "di Jakarta", ""], Task.TEXT, 16)
    assert rows_of(encoded) == [
        ["[CLS]", "makan", "##an", "##nya", "enak", "[SEP]"],
        ["[CLS]", "di", "jakarta", "[SEP]"],
        ["[CLS]", "[SEP]"],
    ]
    assert units_of(encoded) == [[(0, 0)]] * 3
    assert len(encoded) == 3
    assert encoded.lengths.tolist() == [6, 4, 2]
    assert encoded.unit_counts.tolist() == [1, 1, 1]


def test_a_word_is_one_unit_at_its_first_piece(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, [["Makanannya", "di", "Jakarta"], ["enak"]], Task.TOKEN, 16)
    assert rows_of(encoded)[0] == ["[CLS]", "makan", "##an", "##nya", "di", "jakarta", "[SEP]"]
    assert units_of(encoded) == [[(0, 1), (1, 4), (2, 5)], [(0, 1)]]


def test_a_word_that_the_tokenizer_splits_is_still_one_unit(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, [["enak,enak", "di jakarta", "di", "di"]], Task.TOKEN, 16)
    assert units_of(encoded) == [[(0, 1), (1, 4), (2, 6), (3, 7)]]


@pytest.mark.parametrize("gone", VANISHING)
def test_words_that_vanish_have_no_unit_and_do_not_shift_others(tokenizer: Tokenizer, gone: str) -> None:
    encoded = encode(tokenizer, [[gone, "makan", gone, gone, "enak"], [gone], ["di", gone]], Task.TOKEN, 16)
    assert units_of(encoded) == [[(1, 1), (4, 2)], [], [(0, 1)]]
    labels = [[9, 1, 9, 9, 2], [9], [3, 9]]
    assert encoded.unit_labels(labels).tolist() == [1, 2, 3]


def test_words_cut_off_have_no_unit(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, [["enak", "makanannya", "di", "jakarta"]], Task.TOKEN, 4)
    assert rows_of(encoded) == [["[CLS]", "enak", "makan", "[SEP]"]]
    assert units_of(encoded) == [[(0, 1), (1, 2)]]
    assert encoded.unit_labels([[5, 6, 7, 8]]).tolist() == [5, 6]


def test_unit_labels_of_texts_are_their_labels(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, ["enak", "di"], Task.TEXT, 8)
    assert encoded.unit_labels([2, 0]).tolist() == [2, 0]


def test_rows_beyond_the_labels_have_none(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, [["enak", "makan"], ["di", "jakarta"]], Task.TOKEN, 8)
    assert encoded.unit_labels([[4, 5]]).tolist() == [4, 5]


def test_the_tokenizer_is_left_as_it_was(tokenizer: Tokenizer) -> None:
    tokenizer.enable_padding(length=40)
    tokenizer.enable_truncation(3)
    before = tokenizer.to_str()
    try:
        assert encode(tokenizer, ["makanannya enak di jakarta"], Task.TEXT, 16).lengths.tolist() == [8]
        assert tokenizer.to_str() == before
    finally:
        tokenizer.no_padding()
        tokenizer.no_truncation()


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_no_texts_are_no_rows(tokenizer: Tokenizer, task: Task) -> None:
    none = encode(tokenizer, [], task, 16)
    assert len(none) == 0
    assert none.unit_labels([]).tolist() == []


def test_more_texts_than_a_chunk_come_in_their_order(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["enak", "di jakarta", "makanannya", "", "enak enak enak"]
    whole = encode(tokenizer, texts, Task.TEXT, 16)
    monkeypatch.setattr("kdops.data.encoding._CHUNK_TEXTS", 2)
    assert_same(encode(tokenizer, iter(texts), Task.TEXT, 16), whole)


def test_ids_beyond_16_bits_keep_their_value(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, ["a b"], Task.TEXT, 8)
    table = np.arange(len(PIECES), dtype=np.int32) + 70_000
    assert encoded.remapped(table).ids.tolist() == [70_000 + one for one in encoded.ids.tolist()]


def test_used_ids_are_those_that_occur(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, ["a b", "b"], Task.TEXT, 8)
    assert encoded.used_ids().tolist() == sorted(set(encoded.ids.tolist()))
    assert encode(tokenizer, [], Task.TEXT, 8).used_ids().tolist() == []


def test_remapped_replaces_ids_only(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, [["enak", "di"]], Task.TOKEN, 8)
    table = np.arange(len(PIECES))[::-1].copy()
    mapped = encoded.remapped(table)
    assert mapped.ids.tolist() == [len(PIECES) - 1 - one for one in encoded.ids]
    assert mapped.ids.dtype == np.uint16
    assert_same(mapped.remapped(table), encoded)


def test_lone_surrogates_are_read_as_the_replacement_character(tokenizer: Tokenizer) -> None:
    texts = encode(tokenizer, ["enak \ud83d di", "\udfff"], Task.TEXT, 16)
    # BERT's normalizer drops the replacement character.
    assert_same(texts, encode(tokenizer, ["enak \ufffd di", "\ufffd"], Task.TEXT, 16))
    words = encode(tokenizer, [["enak", "\ud83d", "di\udc00"]], Task.TOKEN, 16)
    assert_same(words, encode(tokenizer, [["enak", "\ufffd", "di\ufffd"]], Task.TOKEN, 16))


def test_characters_beyond_the_basic_plane_are_left_alone() -> None:
    smile = Tokenizer(WordLevel({"[UNK]": 0, "\U0001f600": 1}, unk_token="[UNK]"))
    assert encode(smile, ["\U0001f600", "\ud83d"], Task.TEXT, 4).ids.tolist() == [1, 0]


class TestWordStarts:
    SENTENCE = "longsor di Garut, 25 rumah"

    @pytest.fixture(
        params=[
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
            pre_tokenizers.Metaspace(prepend_scheme="never"),
        ],
        ids=["bytes", "digits, then bytes", "metaspace"],
    )
    def marking(self, request: pytest.FixtureRequest) -> Tokenizer:
        """A tokenizer that marks the start of a word by the space before it, and reads texts without one in front."""
        tokenizer = Tokenizer(BPE())
        tokenizer.pre_tokenizer = request.param
        trainer = BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
        tokenizer.train_from_iterator([f"kata {self.SENTENCE}"] * 3, trainer)
        return tokenizer

    def test_words_of_a_list_are_read_as_those_of_a_sentence(self, marking: Tokenizer) -> None:
        words = self.SENTENCE.split()
        read_alone = marking.encode(words, is_pretokenized=True).tokens
        in_a_sentence = marking.encode(f"kata {self.SENTENCE}").tokens[1:]
        assert read_alone != in_a_sentence
        assert mark_word_starts(marking)
        assert marking.encode(words, is_pretokenized=True).tokens == in_a_sentence
        encoded = encode(marking, [words], Task.TOKEN, 64)
        assert [encoded.ids[place] for place in encoded.unit_positions] == [
            marking.encode([word], is_pretokenized=True).ids[0] for word in words
        ]

    def test_once_is_enough_and_a_saved_tokenizer_keeps_it(self, marking: Tokenizer) -> None:
        mark_word_starts(marking)
        again = Tokenizer.from_str(marking.to_str())
        assert not mark_word_starts(again)
        assert again.to_str() == marking.to_str()

    def test_wordpiece_needs_nothing(self, tokenizer: Tokenizer) -> None:
        before = tokenizer.to_str()
        assert not mark_word_starts(tokenizer)
        assert tokenizer.to_str() == before


def test_words_of_a_string_are_units_where_the_tokenizer_cuts_it() -> None:
    tokenizer = train_wordpiece(["satu dua", "dua satu"] * 3, 100, lowercase=True)
    encoded = encode_words(tokenizer, ["satu dua, x", "", "satu satu satu"], max_length=4)
    assert encoded.row_starts.tolist() == [0, 4, 6, 10]
    assert encoded.unit_counts.tolist() == [2, 0, 2]
    assert encoded.unit_positions.tolist() == [1, 2, 1, 2]
    assert encoded.unit_words.tolist() == [0, 1, 0, 1]


def test_the_separator_of_pairs_is_what_stands_before_the_second_text(tokenizer: Tokenizer) -> None:
    assert pair_separator(train_wordpiece(["satu dua"] * 3, 100, lowercase=True)) == 3
    reads_pairs = Tokenizer.from_str(tokenizer.to_str())
    ends = [(token, ID[token]) for token in ("[CLS]", "[SEP]", "[PAD]")]
    for pair, separator in (("[CLS] $A [SEP] [PAD] $B [SEP]", "[PAD]"), ("[CLS] $A $B [SEP]", None)):
        reads_pairs.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=ends)
        if separator:
            assert pair_separator(reads_pairs) == ID[separator]
            continue
        with pytest.raises(ValueError, match="does not read pairs of texts with a separator"):
            pair_separator(reads_pairs)
