"""More texts from the ones there are, for a user who has no unlabeled text.

The rules of Tang, Lu, Liu, Mou, Vechtomova and Lin (2019), "Distilling Task-Specific Knowledge from BERT into Simple
Neural Networks" (arXiv:1903.12136, section on data augmentation): each word is masked with a probability of 0.1, or
else replaced with a probability of 0.1; then, with a probability of 0.25, the text is cut down to one of its n-grams, n
from 1 to 5. They replace a word by another of the same part of speech. We know no parts of speech of an arbitrary
language, so a word is replaced by one of its nearest neighbours among the word vectors of the train texts. Of a pair
both texts are changed and neither is cut down: what is left of one would say nothing of the other.
"""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec

from kdops.data.inputs import Side, Text, sides
from kdops.data.words import parts_of_text
from kdops.task import Task

_MASK_PROBABILITY = 0.1
_REPLACE_PROBABILITY = 0.1
_NGRAM_PROBABILITY = 0.25
_LONGEST_NGRAM = 5
_NEIGHBOURS = 10
_VECTOR_SIZE = 64
_BLOCK_WORDS = 1_024


def nearest_words(inputs: Iterable[Text], *, seed: int) -> dict[str, list[str]]:
    """The 10 nearest neighbours of each word that occurs twice, by the cosine of word vectors.

    The vectors are skip-gram (Mikolov et al. 2013), trained by gensim on these texts alone; the same every time.

    Args:
        inputs: texts, the words of each, or pairs of either.
        seed: of the vectors' start.
    """
    sentences = [[part for part in _parts(side) if not part.isspace()] for text in inputs for side in sides(text)]
    model = Word2Vec(vector_size=_VECTOR_SIZE, sg=1, min_count=2, epochs=10, workers=1, seed=seed)
    model.build_vocab(sentences)
    words = model.wv.index_to_key
    if len(words) < 2:
        return {}
    model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
    unit = model.wv.get_normed_vectors()
    count = min(_NEIGHBOURS, len(words) - 1)
    nearest: dict[str, list[str]] = {}
    for start in range(0, len(words), _BLOCK_WORDS):
        block = words[start : start + _BLOCK_WORDS]
        likeness = unit[start : start + len(block)] @ unit.T
        likeness[np.arange(len(block)), np.arange(start, start + len(block))] = -np.inf
        best = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        nearest |= {word: [words[at] for at in sorted(row)] for word, row in zip(block, best, strict=True)}
    return nearest


def write_augmented(
    inputs: Iterable[Text],
    task: Task,
    target: Path,
    *,
    mask_token: str | None,
    neighbours: Mapping[str, Sequence[str]],
    copies: int = 10,
    seed: int = 1,
) -> Path:
    """Write up to `copies` changed copies of each text as a JSONL file of unlabeled text, each different one once.

    For token tasks a word stays a word: it is masked, replaced or left out as a whole.

    Args:
        inputs: the train texts, the words of each, or pairs of either.
        task: decides whether rows have `text` or `tokens`, and of pairs `text_pair` or `tokens_pair` too.
        target: the file to write.
        mask_token: how the teacher's tokenizer writes its mask; None: no word is masked.
        neighbours: what may stand in place of a word, from `nearest_words`.
        copies: tries per text; a try that gives nothing new is not repeated.
        seed: the same one gives the same file.

    Returns:
        The target.
    """
    rng = random.Random(seed)
    seen: set[str] = set()
    with target.open("w", encoding="utf-8") as file:
        for text in inputs:
            parts = [_parts(side) for side in sides(text)]
            for _ in range(copies):
                changed = [_changed(side, rng, mask_token, neighbours) for side in parts]
                if len(changed) == 1:
                    changed = [_cut(changed[0], rng)]
                written = (side if task.of_words else "".join(side) for side in changed)
                line = json.dumps(dict(zip((task.input_column, task.pair_column), written, strict=False)))
                if all(changed) and changed != parts and line not in seen:
                    seen.add(line)
                    file.write(f"{line}\n")
    return target


def _parts(text: Side) -> list[str]:
    return parts_of_text(text) if isinstance(text, str) else list(text)


def _changed(
    parts: Sequence[str], rng: random.Random, mask_token: str | None, neighbours: Mapping[str, Sequence[str]]
) -> list[str]:
    changed = list(parts)
    for place in _places(parts):
        drawn = rng.random()
        if drawn < _MASK_PROBABILITY:
            changed[place] = mask_token or parts[place]
        elif drawn < _MASK_PROBABILITY + _REPLACE_PROBABILITY and parts[place] in neighbours:
            changed[place] = rng.choice(neighbours[parts[place]])
    return changed


def _cut(parts: list[str], rng: random.Random) -> list[str]:
    places = _places(parts)
    if not places or rng.random() >= _NGRAM_PROBABILITY:
        return parts
    count = min(rng.randint(1, _LONGEST_NGRAM), len(places))
    first = rng.randint(0, len(places) - count)
    return parts[places[first] : places[first + count - 1] + 1]


def _places(parts: Sequence[str]) -> list[int]:
    return [place for place, part in enumerate(parts) if not part.isspace()]
