"""General distillation: a student learns an encoder's token states, before it knows any task.

As in TinyBERT (Jiao et al. 2020, arXiv:1909.10351) and the first stage of XtremeDistil (Mukherjee and Awadallah, ACL
2020): a linear layer reads the encoder's state of each word, brought to `WordStates.width` dimensions, from the
student's state at the word's first token; the loss is the mean squared error. The linear layer is left behind. What
comes out is good for any data set, either task and any recipe.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from kdops.data.encoding import Encoded, encode_words
from kdops.data.inputs import Text, joined
from kdops.models.base import Student
from kdops.models.build import build_student
from kdops.task import Task
from kdops.training.batches import TrainingSet, by_length, make_batch
from kdops.training.loop import fit
from kdops.training.losses import NO_LABEL, StatesObjective
from kdops.training.states import WordStates
from kdops.training.values import Epoch, GeneralConfig
from kdops.workspace import written_whole

logger = logging.getLogger(__name__)

EXPLAINED = "explained_variance"
_WEIGHTS, _TOKENIZER, _FACTS = "body.safetensors", "tokenizer.json", "general.json"
_MOST_HELD_OUT = 2_000


@dataclass(frozen=True)
class GeneralStudent:
    """A general student on disk: the weights of its body beside the tokenizer that they belong to.

    Attributes:
        folder: where both are.
        config: how it was trained.
        pad_id: the tokenizer's padding token.
        texts: how many texts it was trained on.
        epochs: losses on the texts and on those held out, and the share of their targets' variance that it explains.
    """

    folder: Path
    config: GeneralConfig
    pad_id: int
    texts: int
    epochs: tuple[Epoch, ...]

    @classmethod
    def load(cls, folder: Path) -> "GeneralStudent":
        """The general student that `general_distillation` wrote."""
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        epochs = tuple(Epoch(**epoch) for epoch in facts["epochs"])
        return cls(folder, GeneralConfig(**facts["config"]), facts["pad_id"], facts["texts"], epochs)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer whose ids the weights belong to."""
        return Tokenizer.from_file(str(self.folder / _TOKENIZER))

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights of embedding and encoder; see `kdops.models.base.start_from_general`."""
        return load_file(self.folder / _WEIGHTS)

    @property
    def explained_variance(self) -> float:
        """Share of the variance of held-out targets that it explains, at most 1."""
        return max(epoch.scores[EXPLAINED] for epoch in self.epochs)


def general_distillation(
    folder: Path,
    tokenizer: Tokenizer,
    texts: Iterable[Text],
    states: WordStates,
    config: GeneralConfig,
    *,
    pad_id: int,
    checkpoint: Path | None = None,
    quiet: bool = False,
) -> GeneralStudent:
    """Train a general student.

    Args:
        folder: where it goes, written whole or not at all; it must not exist yet.
        tokenizer: the student's.
        texts: strings, or lists of words, which are joined by blanks; read twice, one by one.
        states: the targets of their words, in the order of the texts, cut as the tokenizer cuts them.
        config: how to train.
        pad_id: the tokenizer's padding token.
        checkpoint: file to save to at least once a minute, and to go on from if it exists; removed at the end.
        quiet: whether to leave out the progress bar.

    Raises:
        RuntimeError: if the targets are those of other texts.
    """
    rows = np.random.default_rng(config.seed).permutation(len(states))
    most = min(_MOST_HELD_OUT, round(config.held_out_share * len(states)))
    held_out, training = (
        _targets(tokenizer, texts, states, np.sort(part), config.max_length) for part in (rows[:most], rows[most:])
    )
    torch.manual_seed(config.seed)
    student = build_student(config.student, tokenizer.get_vocab_size(), 1, Task.TOKEN, dropout=config.dropout)
    result = fit(
        _StateReader(student, states.width),
        training,
        StatesObjective(),
        lambda model: _score(model, held_out if most else training, pad_id),
        config.loop,
        main_metric=EXPLAINED,
        pad_id=pad_id,
        description=f"general {config.student}",
        on_epoch=_report,
        checkpoint=checkpoint,
        quiet=quiet,
    )
    made = GeneralStudent(folder, config, pad_id, len(training), result.history)
    _write(made, student, tokenizer)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return made


class _StateReader(nn.Module):
    """Maps (input_ids, attention_mask) to what the student says of the encoder's states, (batch, length, width)."""

    def __init__(self, student: Student, width: int) -> None:
        super().__init__()
        self.student = student
        self.output = nn.Linear(student.width, width)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        said: Tensor = self.output(self.student.states(input_ids, attention_mask))
        return said


@dataclass(frozen=True)
class _Targets:
    """The targets of the units of encoded texts; see `kdops.training.batches.TeacherLogits`."""

    encoded: Encoded
    states: WordStates
    rows: np.ndarray

    def gather(self, rows: np.ndarray) -> np.ndarray:
        bounds, words = self.encoded.unit_starts, self.encoded.unit_words
        parts = [self.states.of_text(self.rows[row])[words[bounds[row] : bounds[row + 1]]] for row in rows]
        return np.concatenate(parts).astype(np.float32)


def _targets(
    tokenizer: Tokenizer, texts: Iterable[Text], states: WordStates, rows: np.ndarray, max_length: int
) -> TrainingSet:
    """Some of the texts in the student's tokens, a unit per word, with their targets."""
    chosen = np.zeros(len(states), dtype=bool)
    chosen[rows] = True
    encoded = encode_words(tokenizer, _chosen(texts, chosen), max_length)
    last = np.zeros(len(rows), dtype=np.int64)
    filled = encoded.unit_counts > 0
    last[filled] = encoded.unit_words[encoded.unit_starts[1:][filled] - 1] + 1
    if (last > states.word_counts[rows]).any():
        raise RuntimeError("the states do not fit these texts: they have fewer words")
    return TrainingSet(encoded, np.full(len(encoded.unit_words), NO_LABEL), _Targets(encoded, states, rows))


def _chosen(texts: Iterable[Text], chosen: np.ndarray) -> Iterator[str]:
    return (joined(text) for text, wanted in zip(texts, chosen, strict=True) if wanted)


def _score(model: nn.Module, data: TrainingSet, pad_id: int) -> dict[str, float]:
    """The mean squared error over the targets of some texts, and the share of their variance that is explained."""
    device = next(model.parameters()).device
    model.eval()
    errors, count = 0.0, 0
    sums, squares = torch.zeros(1, dtype=torch.float64), 0.0
    for rows in by_length(data.encoded.lengths, device):
        batch = make_batch(data, rows, pad_id).to(device)
        assert batch.teacher_logits is not None
        with torch.inference_mode():
            said = batch.of_units(model(batch.input_ids, batch.attention_mask)).float()
        known = ~batch.teacher_logits[:, 0].isnan()
        targets = batch.teacher_logits[known].double()
        errors += float((said[known] - targets).square().sum())
        count, sums, squares = (
            count + len(targets),
            sums + targets.sum(dim=0).cpu(),
            squares + float(targets.square().sum()),
        )
    numbers = max(count * sums.shape[-1], 1)
    variance = squares / numbers - float((sums / max(count, 1)).square().mean())
    return {"loss": errors / numbers, EXPLAINED: 1 - errors / numbers / max(variance, 1e-12)}


def _report(epoch: Epoch) -> None:
    logger.info(
        "general distillation: epoch %d, loss %.4f, held out %.4f, explains %.1f%%, %.0f s",
        epoch.number, epoch.losses["loss"], epoch.scores["loss"], 100 * epoch.scores[EXPLAINED], epoch.seconds,
    )  # fmt: skip


def _write(made: GeneralStudent, student: Student, tokenizer: Tokenizer) -> None:
    with written_whole(made.folder) as unfinished:
        unfinished.mkdir()
        weights = {name: value.detach().cpu().contiguous() for name, value in student.body_weights().items()}
        save_file(weights, unfinished / _WEIGHTS)
        tokenizer.save(str(unfinished / _TOKENIZER))
        facts = asdict(made)
        del facts["folder"]
        (unfinished / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
