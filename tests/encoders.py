"""Tiny random encoders of many families, in folders as they are published."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import (
    BertWordPieceTokenizer,
    ByteLevelBPETokenizer,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

from kdops.task import Task

TEXTS = [
    "Budi tinggal di Bandung",
    "makanannya enak sekali dan murah",
    "pelayanan lambat dan mahal",
    "longsor di Garut kemarin sore",
    "tempat bersih pelayanan cepat",
] * 4

WORDPIECE = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
# What classes of tokenizers add by themselves if the vocabulary lacks it.
_ALL = (*WORDPIECE, *ROBERTA, "<cls>", "<sep>", "<eop>", "<eod>", "<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED")

_TRANSFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    # So that a wrong token, position or mask is seen in the logits.
    "initializer_range": 0.2,
}
_FROM_2 = _TRANSFORMER | {"max_position_embeddings": 66, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}


def write_vocab_txt(folder: Path) -> int:
    """WordPiece as `vocab.txt` alone, as IndoBERT is published; the number of tokens."""
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(
        TEXTS, vocab_size=300, min_frequency=1, show_progress=False, special_tokens=[*_ALL[:5]]
    )
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return len(tokens)


def write_wordpiece(folder: Path) -> int:
    """WordPiece as `tokenizer.json`."""
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(TEXTS, vocab_size=300, min_frequency=1, show_progress=False, special_tokens=[*_ALL])
    return _write(folder, Tokenizer.from_str(tokenizer.to_str()), ("[CLS]", "[SEP]"), "[PAD]", "[UNK]")


def write_byte_bpe(folder: Path) -> int:
    """Byte-level BPE as `vocab.json` and `merges.txt`, as RoBERTa is published."""
    tokenizer = ByteLevelBPETokenizer()
    specials = [*ROBERTA, *WORDPIECE]
    tokenizer.train_from_iterator(TEXTS, vocab_size=600, min_frequency=1, show_progress=False, special_tokens=specials)
    tokenizer.save_model(str(folder))
    return int(tokenizer.get_vocab_size())


def write_byte_bpe_json(folder: Path) -> int:
    """Byte-level BPE as `tokenizer.json`, as ModernBERT is published."""
    tokenizer = ByteLevelBPETokenizer()
    specials = [*ROBERTA, *WORDPIECE]
    tokenizer.train_from_iterator(TEXTS, vocab_size=600, min_frequency=1, show_progress=False, special_tokens=specials)
    return _write(folder, Tokenizer.from_str(tokenizer.to_str()), ("[CLS]", "[SEP]"), "[PAD]", "[UNK]")


def write_gpt2_bpe(folder: Path) -> int:
    """Byte-level BPE with one special token, as GPT-2 is published."""
    tokenizer = ByteLevelBPETokenizer()
    specials = ["<|endoftext|>"]
    tokenizer.train_from_iterator(TEXTS, vocab_size=600, min_frequency=1, show_progress=False, special_tokens=specials)
    tokenizer.save_model(str(folder))
    return int(tokenizer.get_vocab_size())


def write_unigram(ends: tuple[str, str], pad: str) -> Callable[[Path], int]:
    """Unigram over Metaspace as `tokenizer.json`, as models with sentencepiece are published."""

    def write(folder: Path) -> int:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=[*_ALL], unk_token="<unk>", show_progress=False
        )
        tokenizer.train_from_iterator(TEXTS, trainer)
        return _write(folder, tokenizer, ends, pad, "<unk>")

    return write


def _write(folder: Path, tokenizer: Tokenizer, ends: tuple[str, str], pad: str, unknown: str) -> int:
    first, last = ends
    specials = [(token, tokenizer.token_to_id(token)) for token in ends]
    tokenizer.post_processor = TemplateProcessing(single=f"{first} $A {last}", special_tokens=specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"pad_token": pad, "unk_token": unknown, "cls_token": first, "sep_token": last}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return int(tokenizer.get_vocab_size())


@dataclass(frozen=True)
class Family:
    """A kind of encoder.

    Attributes:
        model_type: its name in transformers.
        settings: of its configuration, for 2 layers of 32.
        write_tokenizer: writes its tokenizer's files and gives the number of tokens.
        tokenizer_class: written down where the model's own class is another.
        refused: what the one line says of it, by task; a task that is not named works.
    """

    model_type: str
    settings: Mapping[str, Any]
    write_tokenizer: Callable[[Path], int] = write_vocab_txt
    tokenizer_class: str | None = None
    refused: Mapping[Task, str] = field(default_factory=dict)

    def write(self, folder: Path, *, task: Task | None = None, labels: Sequence[str] = (), **settings: Any) -> Path:
        """A folder with a random model: an encoder, or with a task and labels a fine-tuned classifier."""
        tokens = self.write_tokenizer(folder)
        if self.tokenizer_class:
            config = {"tokenizer_class": self.tokenizer_class}
            (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        size = {"vocab_size": tokens} if tokens else {}
        config = AutoConfig.for_model(self.model_type, **{**self.settings, **size, **settings})
        torch.manual_seed(0)
        if task is None:
            model = AutoModel.from_config(config)
        else:
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: index for index, label in enumerate(labels)}
            kind = AutoModelForSequenceClassification if task is Task.TEXT else AutoModelForTokenClassification
            model = kind.from_config(config)
        model.save_pretrained(folder)
        return folder


def _both(reason: str) -> dict[Task, str]:
    return dict.fromkeys(Task, reason)


_XLMR = write_unigram(("<s>", "</s>"), "<pad>")
_SENTENCEPIECE = write_unigram(("[CLS]", "[SEP]"), "<pad>")

FAMILIES = {
    "BERT": Family("bert", _TRANSFORMER),
    "RoBERTa": Family("roberta", _FROM_2, write_byte_bpe),
    "XLM-R": Family("xlm-roberta", _FROM_2, _XLMR),
    "DistilBERT": Family(
        "distilbert",
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 64},
    ),
    "ELECTRA": Family("electra", _TRANSFORMER | {"embedding_size": 16}),
    "MPNet": Family("mpnet", _FROM_2, write_wordpiece),
    "ALBERT": Family("albert", _TRANSFORMER | {"embedding_size": 16}, _SENTENCEPIECE),
    "ALBERT with vocab.txt": Family("albert", _TRANSFORMER | {"embedding_size": 16}),
    "DeBERTa-v1": Family("deberta", _TRANSFORMER | _RELATIVE, write_byte_bpe),
    "DeBERTa-v2": Family("deberta-v2", _TRANSFORMER | _RELATIVE, _SENTENCEPIECE),
    "DeBERTa-v3": Family(
        "deberta-v2",
        _TRANSFORMER
        | _RELATIVE
        | {"position_buckets": 16, "share_att_key": True, "norm_rel_ebd": "layer_norm"},
        _SENTENCEPIECE,
    ),
    "ModernBERT": Family(
        "modernbert",
        _TRANSFORMER
        | {"local_attention": 16, "global_attn_every_n_layers": 2, "pad_token_id": 5, "cls_token_id": 7}
        | {"sep_token_id": 8, "bos_token_id": 7, "eos_token_id": 8},
        write_byte_bpe_json,
    ),
    "BigBird": Family("big_bird", _TRANSFORMER | {"block_size": 8, "num_random_blocks": 1}, _SENTENCEPIECE),
    "Longformer": Family(
        "longformer",
        _FROM_2 | {"attention_window": [8, 8]},
        write_byte_bpe,
        refused=_both("cannot be exported to ONNX"),
    ),
    "CamemBERT": Family("camembert", _FROM_2, _XLMR),
    "RemBERT": Family(
        "rembert", _TRANSFORMER | {"input_embedding_size": 16, "output_embedding_size": 16}, _SENTENCEPIECE
    ),
    # It has no layer norms, so that large weights would make logits of thousands.
    "MobileBERT": Family(
        "mobilebert",
        _TRANSFORMER | {"embedding_size": 16, "intra_bottleneck_size": 16, "initializer_range": 0.05},
    ),
    "SqueezeBERT": Family(
        "squeezebert",
        _TRANSFORMER
        | {"embedding_size": 32}
        | {f"{part}_groups": 1 for part in ("q", "k", "v", "post_attention", "intermediate", "output")},
    ),
    "RoFormer": Family("roformer", _TRANSFORMER | {"embedding_size": 32}, tokenizer_class="BertTokenizer"),
    "ERNIE": Family("ernie", _TRANSFORMER),
    "MegatronBERT": Family("megatron-bert", _TRANSFORMER),
    "X-MOD": Family("xmod", _FROM_2 | {"languages": ["en_XX", "id_ID"], "default_language": "id_ID"}, _XLMR),
    "MRA": Family("mra", _FROM_2, write_byte_bpe),
    "FNet": Family("fnet", _TRANSFORMER, _SENTENCEPIECE, refused=_both("logits change with the padding")),
    "XLNet": Family(
        "xlnet",
        {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64, "initializer_range": 0.2},
        write_unigram(("<cls>", "<sep>"), "<pad>"),
        # It reads a text at the last position of the batch.
        refused={Task.TEXT: "logits change with the padding"},
    ),
    "CANINE": Family("canine", _TRANSFORMER, lambda folder: 0, refused=_both("has no fast tokenizer")),
    "T5": Family(
        "t5", {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}, _XLMR,
        refused=_both("is an encoder-decoder"),
    ),
    "BART": Family(
        "bart",
        {"d_model": 32, "max_position_embeddings": 64}
        | {f"{side}_{part}": value for side in ("encoder", "decoder")
           for part, value in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))},
        write_byte_bpe,
        refused=_both("is an encoder-decoder"),
    ),
    "GPT-2": Family("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}, write_gpt2_bpe),
    "ConvBERT": Family(
        "convbert", _TRANSFORMER | {"embedding_size": 16}, refused=_both("logits change with the padding")
    ),
}  # fmt: skip
