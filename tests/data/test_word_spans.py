from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram

from kdops.data.word_spans import joined, word_cutter, word_spans
from kdops.data.wordpiece import train_wordpiece


def cut(tokenizer: Tokenizer, text: str) -> list[str]:
    (spans,) = word_spans(word_cutter(tokenizer), [text])
    return [text[start:end] for start, end in spans]


def test_words_are_cut_as_the_tokenizer_cuts_them() -> None:
    tokenizer = train_wordpiece(["budi"], 100, lowercase=True)
    found = cut(tokenizer, " Budi, 24/7\u200b [MASK]x café東京!")
    assert found == ["Budi", ",", "24", "/", "7", "[MASK]", "x", "café", "東", "京", "!"]
    assert cut(tokenizer, "") == []


def test_a_vocabulary_and_its_case_play_no_part() -> None:
    cased, lower = (train_wordpiece(texts, 100, lowercase=choice) for texts, choice in ((["a"], False), (["b"], True)))
    assert word_cutter(cased).to_str() == word_cutter(lower).to_str()


def test_a_tokenizer_of_another_kind_cuts_in_its_own_way() -> None:
    tokenizer = Tokenizer(Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    assert cut(tokenizer, "Budi, 24/7  x") == ["Budi,", "24/7", "x"]


def test_words_of_a_list_are_joined_by_blanks() -> None:
    assert joined(["a", "b."]) == joined("a b.") == "a b."
    tokenizer = word_cutter(train_wordpiece(["a"], 100, lowercase=True))
    (one,) = word_spans(tokenizer, [["a", "b."]])
    assert one.tolist() == [[0, 1], [2, 3], [3, 4]]
