"""The teacher's logits for a list of texts: by kdops, by plain batches, and what the matrix products alone cost."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.contest import Contestant, Figures, Work
from benchmarks.setting import Classroom, Setting
from kdops.training.batches import by_length
from kdops.training.devices import product_type

KDOPS, PLAIN, PRODUCTS = "kdops", "plain batches in the order of the data", "the matrix products of kdops' batches"
FLOAT32 = f"{PRODUCTS}, in float32"

_CPU = torch.device("cpu")


def contestants(setting: Setting) -> list[Contestant]:
    """All of them; the last two are no way to get logits but the time below which none can come on this machine."""
    return [
        Contestant(KDOPS, partial(_kdops, setting)),
        Contestant(PLAIN, partial(_plain, setting)),
        Contestant(PRODUCTS, partial(_products, setting, product_type(_CPU))),
        Contestant(FLOAT32, partial(_products, setting, torch.float32)),
    ]


def _kdops(setting: Setting) -> Work:
    room, store = Classroom(setting), Path(tempfile.mkdtemp())

    def work() -> Figures:
        return {"texts": room.logits(store).computed}

    return work


def _plain(setting: Setting) -> Work:
    """The usual loop: batches of 32 texts in their order, padded to the longest of the batch."""
    room = Classroom(setting, plain_teacher=True)
    rows = np.split(room.encoded.ids, room.encoded.row_starts[1:-1])
    texts = [torch.from_numpy(row.astype(np.int64)) for row in rows]

    def work() -> Figures:
        logits = []
        with torch.no_grad():
            for start in range(0, len(texts), setting.batch_size):
                batch = texts[start : start + setting.batch_size]
                ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=room.teacher.pad_id)
                mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in batch], batch_first=True)
                logits.append(room.teacher.model(ids, mask).numpy())
        return {"texts": len(np.concatenate(logits))}

    return work


def _products(setting: Setting, kind: torch.dtype) -> Work:
    room = Classroom(setting)
    config = room.teacher.model.encoder.config
    layers, heads, width, inner = (
        int(getattr(config, name))
        for name in ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
    )
    lengths, random = room.encoded.lengths, partial(torch.rand, dtype=kind)
    shapes = [(len(rows), int(lengths[rows].max())) for rows in by_length(lengths, _CPU)]
    # Drawn before the clock, as many as the largest batch needs.
    most = max(batch * length for batch, length in shapes)
    square, up, down = random(width, width), random(width, inner), random(inner, width)
    narrow, broad = random(most, width), random(most, inner)
    shares = random(heads * max(batch * length**2 for batch, length in shapes))

    def of_layer(batch: int, length: int) -> None:
        tokens = narrow[: batch * length]
        for _ in range(4):  # queries, keys, values, output
            tokens @ square
        keys = tokens.view(batch * heads, length, width // heads)
        keys @ keys.transpose(1, 2)
        shares[: batch * heads * length**2].view(batch * heads, length, length) @ keys
        tokens @ up
        broad[: batch * length] @ down

    def of_batch(batch: int, length: int) -> None:
        for _ in range(layers):
            of_layer(batch, length)

    def work() -> Figures:
        with torch.inference_mode():
            for batch, length in shapes:
                of_batch(batch, length)
        return {"texts": len(lengths)}

    return work
