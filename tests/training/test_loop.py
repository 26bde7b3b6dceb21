from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kdops.data.encoding import Encoded
from kdops.models.bilstm import BiLSTM
from kdops.task import Task
from kdops.training import devices, loop
from kdops.training.batches import TrainingSet
from kdops.training.loop import fit
from kdops.training.losses import NO_LABEL, DistillationObjective, GoldObjective, LossTerms, Objective
from kdops.training.scoring import LabeledTexts
from kdops.training.values import Epoch, Fit, LoopConfig

PIECES, LABELS = 20, ("no", "yes")
MakeEncoded = Callable[..., Encoded]


class Power(Exception):
    """The power went out."""


class TeacherRows:
    def __init__(self, logits: np.ndarray) -> None:
        self.logits = logits

    def gather(self, rows: np.ndarray) -> np.ndarray:
        part: np.ndarray = self.logits[rows]
        return part


class Toy:
    """Texts whose label is whether token 7 is in them."""

    def __init__(self, make_encoded: MakeEncoded, rows: int = 80) -> None:
        random = np.random.default_rng(0)
        texts = [random.integers(8, PIECES, random.integers(3, 12)) for _ in range(rows)]
        labels = random.integers(0, 2, rows)
        for text, label in zip(texts, labels, strict=True):
            text[random.integers(0, len(text))] = 7 if label else 6
        encoded = make_encoded([text.tolist() for text in texts])
        self.data = TrainingSet(encoded, labels, TeacherRows(np.eye(2, dtype=np.float32)[labels] * 4 - 2))
        self.gold = LabeledTexts(encoded, [LABELS[one] for one in labels], Task.TEXT, LABELS, pad_id=0)


@pytest.fixture
def toy(make_encoded: MakeEncoded) -> Toy:
    return Toy(make_encoded)


def student(seed: int = 1) -> BiLSTM:
    torch.manual_seed(seed)
    return BiLSTM(PIECES, 2, Task.TEXT, embedding_size=8, hidden_size=8)


def train(
    model: nn.Module,
    toy: Toy,
    *,
    objective: Objective | None = None,
    score: Callable[[nn.Module], Mapping[str, float]] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    head: Collection[str] = (),
    checkpoint: Path | None = None,
    **config: float,
) -> Fit:
    settings = {"epochs": 3, "learning_rate": 1e-2, "batch_size": 8} | config
    return fit(
        model,
        toy.data,
        objective or GoldObjective(),
        score or toy.gold.scores,
        LoopConfig(**settings),  # type: ignore[arg-type]
        main_metric="f1_macro",
        pad_id=0,
        description="toy",
        head=head,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
    )


def without_dropout(hidden_size: int = 8) -> BiLSTM:
    torch.manual_seed(1)
    return BiLSTM(PIECES, 2, Task.TEXT, embedding_size=8, hidden_size=hidden_size, dropout=0.0)


def scripted(*scores: float) -> Callable[[nn.Module], dict[str, float]]:
    """Validation scores that are known beforehand."""
    left = iter(scores)
    return lambda _: {"f1_macro": next(left)}


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.usefixtures("float32_products")
@pytest.mark.parametrize("objective", [GoldObjective(), DistillationObjective("kl", 0.5, 2.0)])
def test_groups_train_as_one_padded_batch_of_their_rows(
    objective: Objective, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlabeled = toy.data.labels.copy()
    unlabeled[::3] = NO_LABEL
    toy.data = replace(toy.data, labels=unlabeled)
    in_groups, at_once = without_dropout(), without_dropout()
    first = train(in_groups, toy, objective=objective, batch_size=16)
    monkeypatch.setattr(loop._Loop, "_batches", lambda self, groups: [self._share(np.concatenate(groups))])
    second = train(at_once, toy, objective=objective, batch_size=16)
    for one, other in zip(first.history, second.history, strict=True):
        assert one.losses == pytest.approx(other.losses, rel=1e-4)
    for name, value in weights(in_groups).items():
        torch.testing.assert_close(value, at_once.state_dict()[name], rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(devices.product_type(torch.device("cpu")) is torch.float32, reason="this processor has no bfloat16")
def test_bfloat16_trains_as_float32_does(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {}
    for kind in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(devices, "product_type", lambda device, kind=kind: kind)
        model = without_dropout(hidden_size=128)
        losses[kind] = [
            epoch.losses["loss"] for epoch in train(model, toy, epochs=10, patience=10, learning_rate=1e-3).history
        ]
        assert all(value.dtype is torch.float32 for value in weights(model).values())
    exact, rounded = losses.values()
    assert exact != rounded
    assert exact[-1] < 0.5 * exact[0]
    assert rounded == pytest.approx(exact, rel=0.05, abs=1e-3)


@pytest.mark.parametrize("objective", [GoldObjective(), DistillationObjective("kl", 0.0, 2.0), DistillationObjective()])
def test_it_learns(toy: Toy, objective: Objective) -> None:
    model = student()
    before = toy.gold.scores(model)["f1_macro"]
    result = train(model, toy, objective=objective, epochs=10, patience=10)
    assert before < 0.8
    assert result.best_score > 0.95
    assert toy.gold.scores(model)["f1_macro"] == result.best_score
    losses = [epoch.losses["loss"] for epoch in result.history]
    assert losses[-1] < losses[0] / 2


def test_the_history_tells_of_each_epoch(toy: Toy) -> None:
    seen: list[Epoch] = []
    result = train(student(), toy, objective=DistillationObjective("mse", 0.5), on_epoch=seen.append)
    assert tuple(seen) == result.history
    assert [epoch.number for epoch in seen] == [1, 2, 3]
    for epoch in seen:
        assert set(epoch.losses) == {"loss", "gold", "soft"}
        assert epoch.losses["loss"] == pytest.approx((epoch.losses["gold"] + epoch.losses["soft"]) / 2, rel=1e-5)
        assert set(epoch.scores) == {"f1_macro", "accuracy"}
        assert epoch.seconds > 0
    best = max(seen, key=lambda epoch: epoch.scores["f1_macro"])
    assert (result.best_epoch, result.best_score) == (best.number, best.scores["f1_macro"])


def test_gold_alone_has_no_soft_loss(toy: Toy) -> None:
    assert set(train(student(), toy, epochs=1).history[0].losses) == {"loss", "gold"}


@pytest.mark.parametrize(
    ("scores", "patience", "epochs", "best"),
    [
        ([0.1, 0.2, 0.15, 0.2], 2, 4, 2),
        ([0.5, 0.4, 0.6, 0.1, 0.1], 2, 5, 3),
        ([0.5, 0.4], 1, 2, 1),
        ([0.0, 0.0, 0.0, 0.0, 0.1, 0.05, 0.1], 2, 7, 5),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], 3, 7, 7),
    ],
)
def test_it_stops_when_patience_runs_out(toy: Toy, scores: list[float], patience: int, epochs: int, best: int) -> None:
    result = train(student(), toy, score=scripted(*scores), epochs=7, patience=patience, batch_size=80)
    assert len(result.history) == epochs
    assert (result.best_epoch, result.best_score) == (best, scores[best - 1])


def test_the_weights_of_the_best_epoch_are_kept(toy: Toy) -> None:
    model = student()
    after_each: list[dict[str, Tensor]] = []
    result = train(
        model, toy, score=scripted(0.1, 0.9, 0.5, 0.6), on_epoch=lambda _: after_each.append(weights(model)), epochs=4
    )
    assert result.best_epoch == 2
    assert same(model.state_dict(), after_each[1])
    assert not same(model.state_dict(), after_each[3])


def test_the_same_seed_gives_the_same_weights(toy: Toy) -> None:
    models = [student() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        torch.rand(7)
        train(model, toy, seed=seed, epochs=2)
    assert same(models[0].state_dict(), models[1].state_dict())
    assert not same(models[0].state_dict(), models[2].state_dict())


def test_gradients_are_clipped(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *args: object) -> object:
        gradients = [one.grad for group in self.param_groups for one in group["params"]]
        norms.append(torch.stack([gradient.norm() for gradient in gradients]).norm().item())
        return step(self, *args)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    train(student(), toy, epochs=1, max_gradient_norm=1e9)
    free = max(norms)
    norms.clear()
    train(student(), toy, epochs=1, max_gradient_norm=free / 100)
    assert max(norms) == pytest.approx(free / 100, rel=1e-3)


def test_the_learning_rate_rises_and_then_falls_to_zero(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *args: object) -> object:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    train(student(), toy, epochs=2, warmup_share=0.25, learning_rate=0.01)
    assert len(rates) == 20
    assert rates.index(max(rates)) == 5
    assert max(rates) == pytest.approx(0.01)
    assert rates == sorted(rates[:5]) + sorted(rates[5:], reverse=True)
    assert 0 < rates[-1] < 0.001


def after_each_step(monkeypatch: pytest.MonkeyPatch, model: nn.Module) -> list[dict[str, Tensor]]:
    """The weights of the model after each step of the optimizer, once it trains."""
    seen: list[dict[str, Tensor]] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *args: object) -> object:
        done = step(self, *args)
        seen.append(weights(model))
        return done

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    return seen


def test_a_new_head_learns_faster_than_the_rest(toy: Toy) -> None:
    model = student()
    head = [name for name, _ in model.named_parameters() if name.startswith("classifier")]
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    # One step: AdamW's first is as long as the learning rate, whatever the gradient.
    train(model, toy, epochs=1, batch_size=len(toy.data), head=head, head_factor=10, weight_decay=0)
    moved = {name: float((weight.detach() - before[name]).abs().max()) for name, weight in model.named_parameters()}
    assert all(moved[name] == pytest.approx(0.1, rel=0.01) for name in head)
    assert max(moved[name] for name in before if name not in head) == pytest.approx(0.01, rel=0.01)


def test_the_moving_average_of_the_weights_is_scored_and_kept(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    model, scored = student(), list[dict[str, Tensor]]()
    seen = after_each_step(monkeypatch, model)

    def score(asked: nn.Module) -> dict[str, float]:
        scored.append(weights(asked))
        return {"f1_macro": 0.5}

    result = train(model, toy, score=score, epochs=2, averaging=0.62)
    assert (len(seen), result.best_epoch) == (20, 1)
    # Every fourth step and the last of an epoch. Less is kept of the first ones: (1 + n) / (25 + n) after n of them.
    kept = [2 / 26, 3 / 27, 4 / 28, 0.62**4, 0.62**4]
    average = {name: value.double() for name, value in seen[3].items()}
    averages = [average]
    for share, step in zip(kept, (7, 9, 13, 17, 19), strict=True):
        average = {name: share * value + (1 - share) * seen[step][name] for name, value in average.items()}
        averages.append(average)
    for asked, expected, plain in zip(scored, (averages[2], averages[5]), (seen[9], seen[19]), strict=True):
        for name, value in asked.items():
            torch.testing.assert_close(value, expected[name].float())
        assert not same(asked, plain)
    assert same(model.state_dict(), scored[0])


def test_averaging_leaves_the_training_itself_alone(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, averaged = student(), student()
    steps = after_each_step(monkeypatch, plain)
    train(plain, toy, epochs=2)
    # Without an average the weights are those of the last step of the best epoch.
    assert any(same(plain.state_dict(), steps[last]) for last in (9, 19))
    others = after_each_step(monkeypatch, averaged)
    train(averaged, toy, epochs=2, averaging=0.9)
    assert len(others) == 20
    assert all(same(one, other) for one, other in zip(steps[:20], others, strict=True))
    assert not any(same(averaged.state_dict(), one) for one in others)


def test_validation_is_in_evaluation_mode_and_training_is_not(toy: Toy) -> None:
    modes: list[tuple[str, bool]] = []

    class Watched(BiLSTM):
        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            modes.append(("training" if torch.is_grad_enabled() else "scoring", self.training))
            return super().forward(input_ids, attention_mask)

    train(Watched(PIECES, 2, Task.TEXT, 8, 8), toy, epochs=2)
    assert set(modes) == {("training", True), ("scoring", False)}


class FailingObjective:
    """Gold labels, until the power goes out at some step."""

    def __init__(self, at_step: int) -> None:
        self.left = at_step

    def __call__(self, logits: Tensor, labels: Tensor, signals: Tensor | None) -> LossTerms:
        self.left -= 1
        if self.left < 0:
            raise Power
        return GoldObjective()(logits, labels, signals)


@pytest.mark.parametrize("averaging", [0.0, 0.9])
@pytest.mark.parametrize("steps", [1, 4, 10, 13, 29])
def test_going_on_from_a_checkpoint_gives_the_very_same_weights(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, averaging: float
) -> None:
    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    checkpoint = tmp_path / "new" / "checkpoint.pt"
    whole = student()
    expected = train(whole, toy, averaging=averaging)

    with pytest.raises(Power):
        train(
            student(), toy, objective=FailingObjective(steps), checkpoint=checkpoint, averaging=averaging  # type: ignore[arg-type]
        )  # fmt: skip
    # Another process: other weights, another state of the random numbers.
    resumed, trained = student(seed=99), 0

    def counting(logits: Tensor, labels: Tensor, signals: Tensor | None) -> LossTerms:
        nonlocal trained
        trained += 1
        return GoldObjective()(logits, labels, signals)

    result = train(resumed, toy, objective=counting, checkpoint=checkpoint, averaging=averaging)  # type: ignore[arg-type]
    assert trained == 30 - steps
    assert same(resumed.state_dict(), whole.state_dict())
    assert (result.best_epoch, result.best_score) == (expected.best_epoch, expected.best_score)
    assert [epoch.losses for epoch in result.history] == [epoch.losses for epoch in expected.history]
    assert [epoch.scores for epoch in result.history] == [epoch.scores for epoch in expected.history]
    assert [path.name for path in checkpoint.parent.iterdir()] == ["checkpoint.pt"]


def test_what_on_epoch_raises_ends_the_training_and_the_checkpoint_holds_that_epoch(toy: Toy, tmp_path: Path) -> None:
    whole = student()
    train(whole, toy)

    def pruned(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise Power

    with pytest.raises(Power):
        train(student(), toy, on_epoch=pruned, checkpoint=tmp_path / "checkpoint.pt")
    resumed, seen = student(seed=99), list[int]()
    result = train(
        resumed, toy, on_epoch=lambda epoch: seen.append(epoch.number), checkpoint=tmp_path / "checkpoint.pt"
    )
    assert seen == [3]
    assert [epoch.number for epoch in result.history] == [1, 2, 3]
    assert same(resumed.state_dict(), whole.state_dict())


def test_a_finished_checkpoint_trains_nothing_more(toy: Toy, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    first, second = student(), student(seed=99)
    scores = (0.3, 0.2, 0.1)
    train(first, toy, score=scripted(*scores), epochs=9, patience=2, checkpoint=checkpoint)
    result = train(
        second, toy, objective=FailingObjective(0), epochs=9, patience=2, checkpoint=checkpoint  # type: ignore[arg-type]
    )  # fmt: skip
    assert (result.best_epoch, result.best_score, len(result.history)) == (1, 0.3, 3)
    assert same(first.state_dict(), second.state_dict())


def test_a_checkpoint_that_was_cut_off_while_written_does_no_harm(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.part").write_bytes(b"half of one")
    assert len(train(student(), toy, checkpoint=tmp_path / "checkpoint.pt").history) == 3


def test_without_a_checkpoint_nothing_is_written(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    train(student(), toy, epochs=1)
    assert set(tmp_path.rglob("*")) == before
