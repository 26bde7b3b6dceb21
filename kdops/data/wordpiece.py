"""A WordPiece vocabulary trained on given texts, the same in every process."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordPiece
from tokenizers.normalizers import Normalizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

PAD, UNKNOWN, FIRST, LAST, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LEAST_SIZE = 100

# Before the first character of each word. Private use: the normalizer takes it out of texts.
_START = "\ue000"
_CONTINUES = "##"
_LEAST_OCCURRENCES = 3


def train_wordpiece(texts: Iterable[str], size: int, *, lowercase: bool) -> Tokenizer:
    """A WordPiece tokenizer for some texts, byte for byte the same in every process.

    `tokenizers` numbers the tokens of its WordPiece trainer in the order of a hash map. Its BPE trainer sorts, so that
    is what is trained, on words with a mark before their first character; its tokens are then written as WordPiece.

    Texts are brought to NFC, control characters are taken out, accents stay; words are cut at blanks and punctuation
    marks. Each character that occurs at least 3 times is a token, at the start of a word and inside it, as long as a
    quarter of the vocabulary holds them, the most frequent first; words with other characters become [UNK].

    Args:
        texts: strings; read twice.
        size: tokens of the vocabulary, the 5 special ones included; fewer if the texts do not give so many.
        lowercase: whether upper and lower case are one.

    Raises:
        ValueError: if the size is below 100.
    """
    if size < LEAST_SIZE:
        raise ValueError(f"a vocabulary of {size} tokens is too small; it needs at least {LEAST_SIZE}")
    normalizer = _normalizer(lowercase=lowercase)
    counts = _character_counts(texts, normalizer)
    characters = [one for one, count in counts.most_common() if count >= _LEAST_OCCURRENCES]
    kept = sorted(sorted(characters, key=lambda one: (-counts[one], one))[: size // 4])
    vocabulary = dict.fromkeys(SPECIAL_TOKENS)
    inside = (_CONTINUES + one for one in kept if not _stands_alone(one, normalizer))
    vocabulary |= dict.fromkeys(kept) | dict.fromkeys(inside)
    for token in _merged(texts, normalizer, rare=counts.keys() - set(kept), size=size + len(kept) + 1):
        if len(vocabulary) == size:
            break
        vocabulary[token.removeprefix(_START) if token.startswith(_START) else _CONTINUES + token] = None
    return _tokenizer({token: index for index, token in enumerate(vocabulary)}, normalizer)


def _normalizer(*, lowercase: bool) -> Normalizer:
    bert = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
    )
    return normalizers.Sequence([normalizers.NFC(), bert])


def _character_counts(texts: Iterable[str], normalizer: Normalizer) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(normalizer.normalize_str(text))
    return Counter({one: count for one, count in counts.items() if not one.isspace()})


def _stands_alone(character: str, normalizer: Normalizer) -> bool:
    """Whether it is a word by itself wherever it stands, as punctuation marks and Chinese characters are."""
    return len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizer.normalize_str(f"a{character}"))) > 1


def _merged(texts: Iterable[str], normalizer: Normalizer, *, rare: set[str], size: int) -> Iterator[str]:
    """The tokens of several characters that BPE makes, the first merged first; each rare character ends a word."""
    blank = str.maketrans(dict.fromkeys(rare, " "))
    tokenizer = Tokenizer(BPE())
    marks = pre_tokenizers.Metaspace(replacement=_START, prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), marks])
    trainer = BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator((normalizer.normalize_str(text).translate(blank) for text in texts), trainer)
    vocabulary = tokenizer.get_vocab()
    return (token for token in sorted(vocabulary, key=vocabulary.__getitem__) if len(token) > 1)


def _tokenizer(vocabulary: dict[str, int], normalizer: Normalizer) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=UNKNOWN, continuing_subword_prefix=_CONTINUES))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=_CONTINUES)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    ends = [(token, vocabulary[token]) for token in (FIRST, LAST)]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{FIRST} $A {LAST}", pair=f"{FIRST} $A {LAST} $B {LAST}", special_tokens=ends
    )
    return tokenizer
