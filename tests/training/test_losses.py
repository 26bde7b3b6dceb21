import pytest
import torch
from torch import Tensor

from kdops.training.losses import (
    NO_LABEL,
    DistillationObjective,
    GoldObjective,
    SoftLoss,
    StatesObjective,
    gold_loss,
    kl_loss,
    mse_loss,
    state_loss,
)

# All expected numbers were worked out apart from this code, by the formulas of the papers in NumPy.
LOGITS = [[1.0, 0.0, -1.0], [0.5, 0.5, 2.0], [0.0, 1.0, 0.0]]
SIGNALS = [[2.0, 0.0, 0.0], [1.0, -1.0, 0.5], [0.0, 0.5, -2.0]]
LABELS = [0, NO_LABEL, 2]

CROSS_ENTROPY = 0.9795253391882157
KL = {1.0: 0.21932863186482277, 2.0: 0.26562709451882355, 4.0: 0.2884709625913932}
MSE = 1.2222222222222223

CROSS_ENTROPY_GRADIENT = [
    [-0.1673795221125891, 0.12236423552739882, 0.04501528658519023],
    [0.0, 0.0, 0.0],
    [0.10597077880854272, 0.28805844238291456, -0.3940292211914573],
]
KL_GRADIENT = {
    1.0: [
        [-0.040581695462, 0.046073830712, -0.00549213525],
        [-0.139938739995, 0.025528397944, 0.114410342051],
        [-0.049082182722, -0.00536139514, 0.054443577862],
    ],
    4.0: [
        [-0.043511747024, 0.069902955652, -0.026391208628],
        [-0.149769345916, 0.061006056895, 0.088763289021],
        [-0.080669210516, -0.030153270314, 0.11082248083],
    ],
}
MSE_GRADIENT = [
    [-0.2222222222222222, 0.0, -0.2222222222222222],
    [-0.1111111111111111, 0.3333333333333333, 0.3333333333333333],
    [0.0, 0.1111111111111111, 0.4444444444444444],
]


@pytest.fixture
def logits() -> Tensor:
    return torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)


@pytest.fixture
def signals() -> Tensor:
    return torch.tensor(SIGNALS, dtype=torch.float64)


@pytest.fixture
def labels() -> Tensor:
    return torch.tensor(LABELS)


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss, logits)[0]


def close(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), atol=1e-10, rtol=0)


def test_gold_loss_is_the_mean_over_labeled_units(logits: Tensor, labels: Tensor) -> None:
    loss = gold_loss(logits, labels)
    assert loss.item() == pytest.approx(CROSS_ENTROPY, abs=1e-12)
    close(gradient(loss, logits), CROSS_ENTROPY_GRADIENT)


def test_gold_loss_does_not_change_with_unlabeled_units(logits: Tensor, labels: Tensor) -> None:
    labeled = labels != NO_LABEL
    assert gold_loss(logits, labels).item() == pytest.approx(gold_loss(logits[labeled], labels[labeled]).item())


def test_gold_loss_without_a_labeled_unit_is_zero_and_moves_nothing(logits: Tensor) -> None:
    loss = gold_loss(logits, torch.full((3,), NO_LABEL))
    assert loss.item() == 0.0
    assert not gradient(loss, logits).any()


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_kl_loss_has_the_factor_of_the_squared_temperature(logits: Tensor, signals: Tensor, temperature: float) -> None:
    assert kl_loss(logits, signals, temperature).item() == pytest.approx(KL[temperature], abs=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kl_gradient(logits: Tensor, signals: Tensor, temperature: float) -> None:
    close(gradient(kl_loss(logits, signals, temperature), logits), KL_GRADIENT[temperature])


def test_kl_gradient_keeps_its_size_at_any_temperature(logits: Tensor, signals: Tensor) -> None:
    sizes = [gradient(kl_loss(logits, signals, t), logits).norm().item() for t in (1.0, 2.0, 5.0, 10.0, 100.0)]
    # Without the factor the last would be a ten-thousandth of the first.
    assert max(sizes) / min(sizes) < 1.6


def test_kl_gradient_becomes_that_of_mse_at_high_temperature(logits: Tensor, signals: Tensor) -> None:
    # Hinton et al. 2015, section 2.1: of centred logits, up to a constant that depends on the classes alone.
    centred = [(rows - rows.mean(dim=1, keepdim=True)).detach().requires_grad_() for rows in (logits, signals)]
    hot = gradient(kl_loss(centred[0], centred[1].detach(), 1e4), centred[0])
    matched = gradient(mse_loss(centred[0], centred[1].detach()), centred[0])
    torch.testing.assert_close(hot, matched / 2, atol=1e-4, rtol=1e-3)


def test_mse_loss(logits: Tensor, signals: Tensor) -> None:
    loss = mse_loss(logits, signals)
    assert loss.item() == pytest.approx(MSE, abs=1e-12)
    close(gradient(loss, logits), MSE_GRADIENT)


@pytest.mark.parametrize("temperature", [1.0, 7.0])
def test_soft_losses_are_zero_where_student_and_teacher_agree(signals: Tensor, temperature: float) -> None:
    assert mse_loss(signals, signals).item() == 0.0
    assert kl_loss(signals + 3.0, signals, temperature).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("soft", "gold_weight", "temperature", "expected"),
    [
        ("mse", 0.0, 1.0, MSE),
        ("kl", 0.0, 4.0, KL[4.0]),
        ("mse", 1.0, 1.0, CROSS_ENTROPY),
        ("kl", 1.0, 4.0, CROSS_ENTROPY),
        ("kl", 0.3, 2.0, 0.4797965679196412),
        ("mse", 0.25, 1.0, 1.1615480014637207),
    ],
)
def test_distillation_is_the_weighted_sum(
    logits: Tensor, labels: Tensor, signals: Tensor, soft: SoftLoss, gold_weight: float, temperature: float,
    expected: float,
) -> None:  # fmt: skip
    terms = DistillationObjective(soft, gold_weight, temperature)(logits, labels, signals)
    assert terms.loss.item() == pytest.approx(expected, abs=1e-12)
    assert terms.gold.item() == pytest.approx(CROSS_ENTROPY, abs=1e-12)
    assert terms.soft is not None
    assert terms.soft.item() == pytest.approx(MSE if soft == "mse" else KL[temperature], abs=1e-12)


def test_the_default_objective_is_the_setting_of_the_study() -> None:
    assert DistillationObjective() == DistillationObjective("mse", 0.0, 1.0)


@pytest.mark.parametrize("soft", ["kl", "mse"])
def test_unlabeled_units_have_the_soft_term_only(logits: Tensor, signals: Tensor, soft: SoftLoss) -> None:
    none = torch.full((3,), NO_LABEL)
    terms = DistillationObjective(soft, 0.5, 2.0)(logits, none, signals)
    assert terms.soft is not None
    assert terms.gold.item() == 0.0
    assert terms.loss.item() == pytest.approx(0.5 * terms.soft.item())


def test_gold_objective_has_no_soft_term(logits: Tensor, labels: Tensor) -> None:
    terms = GoldObjective()(logits, labels, None)
    assert terms.loss.item() == pytest.approx(CROSS_ENTROPY, abs=1e-12)
    assert terms.soft is None


@pytest.mark.parametrize("objective", [DistillationObjective("kl", 0.5, 2.0), DistillationObjective("mse", 0.5)])
def test_a_batch_without_units_has_loss_zero(objective: DistillationObjective) -> None:
    # Such a batch comes from texts whose words all vanish when they are normalised.
    logits = torch.zeros(0, 3, requires_grad=True)
    terms = objective(logits, torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3))
    assert terms.loss.item() == 0.0
    assert gradient(terms.loss, logits).shape == (0, 3)


@pytest.mark.parametrize(
    "objective",
    [
        GoldObjective(),
        DistillationObjective("mse", 0.0),
        DistillationObjective("mse", 0.6),
        DistillationObjective("kl", 0.0, 1.0),
        DistillationObjective("kl", 0.4, 4.0),
    ],
)
def test_gradients_agree_with_finite_differences(
    objective: GoldObjective | DistillationObjective, logits: Tensor, labels: Tensor, signals: Tensor
) -> None:
    assert torch.autograd.gradcheck(lambda rows: objective(rows, labels, signals).loss, logits)


@pytest.mark.parametrize("soft", ["kl", "mse"])
def test_units_that_the_teacher_said_nothing_about_learn_from_their_labels_alone(
    logits: Tensor, labels: Tensor, signals: Tensor, soft: SoftLoss
) -> None:
    objective = DistillationObjective(soft, 0.5, 2.0)
    silent = signals.clone()
    silent[1] = torch.nan
    terms, among_known = objective(logits, labels, silent), objective(logits[[0, 2]], labels[[0, 2]], signals[[0, 2]])
    assert terms.soft is not None
    assert among_known.soft is not None
    assert terms.soft.item() == pytest.approx(among_known.soft.item(), abs=1e-12)
    assert terms.gold.item() == pytest.approx(CROSS_ENTROPY, abs=1e-12)
    assert gradient(terms.loss, logits).isfinite().all()


def test_state_loss_is_the_mean_squared_error_over_units_that_have_a_target() -> None:
    nan = float("nan")
    states = torch.tensor([[1.0, 2.0], [5.0, 5.0], [0.0, 3.0]], requires_grad=True)
    targets = torch.tensor([[0.0, 0.0], [nan, nan], [1.0, 1.0]])
    loss = state_loss(states, targets)
    # (1 + 4 + 1 + 4) / 4
    assert loss.item() == pytest.approx(2.5)
    loss.backward()
    torch.testing.assert_close(states.grad, torch.tensor([[0.5, 1.0], [0.0, 0.0], [-0.5, 1.0]]))
    assert state_loss(states, torch.full_like(targets, nan)).item() == 0
    terms = StatesObjective()(states, torch.zeros(3, dtype=torch.int64), targets)
    assert (terms.loss.item(), terms.gold, terms.soft) == (pytest.approx(2.5), None, None)
