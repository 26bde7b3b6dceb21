"""A small teacher made from nothing but texts, for sample data and tests."""

from collections.abc import Iterable, Sequence

from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, TokenizersBackend

from kdops.data.encoding import encode
from kdops.data.wordpiece import FIRST, LAST, MASK, PAD, UNKNOWN, train_wordpiece
from kdops.models.embeddings import cooccurrence_vectors
from kdops.models.teachers.heads import family
from kdops.models.teachers.loading import assembled
from kdops.models.teachers.model import Teacher
from kdops.models.teachers.sources import SCRATCH
from kdops.task import Task

_TOKENS = 2_000
_EMBEDDING_STD = 0.2


def scratch_teacher(texts: Iterable[str], task: Task, labels: Sequence[str], *, pairs: bool = False) -> Teacher:
    """A small BERT made from nothing but the given texts, for sample data and tests.

    2 layers of 128, about 1M parameters. Its WordPiece vocabulary and its first embeddings come from the texts; no
    labels are needed for either, so that unlabeled text helps it.
    """
    texts = list(texts)
    tokenizer = train_wordpiece(texts, _TOKENS, lowercase=True)
    ends = [(token, tokenizer.token_to_id(token)) for token in (FIRST, LAST)]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{FIRST} $A {LAST}", pair=f"{FIRST} $A {LAST} $B:1 {LAST}:1", special_tokens=ends
    )
    processing = TokenizersBackend(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        pad_token=PAD,
        cls_token=FIRST,
        sep_token=LAST,
        mask_token=MASK,
    )
    names = dict(enumerate(labels))
    config = BertConfig(
        vocab_size=len(processing),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=512,
        id2label=names,
        label2id={label: index for index, label in names.items()},
    )
    encoder = family(task).from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    teacher = assembled(encoder, processing, SCRATCH, pairs=pairs)
    vectors = cooccurrence_vectors(encode(tokenizer, texts, Task.TEXT, 512), config.vocab_size, config.hidden_size)
    # What tells the sides of a pair apart, the embeddings of positions and segments, drowns beside larger ones.
    std = config.initializer_range if pairs else _EMBEDDING_STD
    teacher.model.embedding_table.data.copy_(std * vectors)
    return teacher
