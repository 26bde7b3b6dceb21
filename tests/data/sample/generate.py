"""Writes the packaged sample data: `python tests/data/sample/generate.py`, from the project's folder.

Everything is composed by the grammars beside this file from a fixed seed, so the committed files can be proved to be
its output. Training rows lean on common words; validation, test and unlabeled rows share a longer tail, as texts do
that were written after the labels were paid for. Only training rows carry wrong labels.
"""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from mentions import MentionWriter, spoil
from reviews import LABELS, ReviewWriter

SEED = 20240817
SPLIT_ROWS = {"test": 500, "validation": 400, "train": 1500, "unlabeled": 4000}
LABEL_NOISE = 0.06
_TRAIN_TAIL, _TAIL = 0.1, 0.85
_TRAIN_REACH = 0.8
_EMOTION, _UNLABELED_EMOTION = 0.1, 0.6

Row = dict[str, object]

PACKAGED = Path(__file__).parents[3] / "kdops" / "data" / "sample"


def review_rows(split: str, rng: random.Random) -> Iterator[Row]:
    """Endless rows of `sample` for one split: text and label, or text alone when unlabeled."""
    emotion = _UNLABELED_EMOTION if split == "unlabeled" else _EMOTION
    writer = ReviewWriter(rng, _TRAIN_TAIL if split == "train" else _TAIL, emotion)
    while True:
        text, label = writer.write()
        if split == "train" and rng.random() < LABEL_NOISE:
            label = rng.choice([wrong for wrong in LABELS if wrong != label])
        yield {"text": text} if split == "unlabeled" else {"text": text, "label": label}


def mention_rows(split: str, rng: random.Random) -> Iterator[Row]:
    """Endless rows of `sample-tags` for one split: tokens and tags, or their text when unlabeled."""
    writer = MentionWriter(rng, _TRAIN_REACH if split == "train" else 1.0)
    while True:
        tokens, tags = writer.write()
        if split == "train":
            tags = spoil(tags, LABEL_NOISE, rng)
        yield {"text": " ".join(tokens)} if split == "unlabeled" else {"tokens": tokens, "tags": tags}


def write(folder: Path) -> None:
    """Write both data sets below `folder`, as `text/SPLIT.jsonl` and `tags/SPLIT.jsonl`."""
    for name, rows in (("text", review_rows), ("tags", mention_rows)):
        _write_dataset(folder / name, rows)


def _write_dataset(folder: Path, rows: Callable[[str, random.Random], Iterator[Row]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for split, count in SPLIT_ROWS.items():
        rng = random.Random(f"{SEED}/{folder.name}/{split}")
        lines: list[str] = []
        for row in rows(split, rng):
            text = str(row["text"]) if "text" in row else " ".join(row["tokens"])  # type: ignore[arg-type]
            if len(lines) == count:
                break
            # no text twice, in whatever split: copies would make the test an exam of memory
            if text.lower() not in seen and 3 <= len(text.split()) <= 26:
                seen.add(text.lower())
                lines.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(PACKAGED)
