"""What a registered version says about itself in the registry's UI, in Markdown."""

import re
from collections.abc import Mapping
from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.metrics import paired_bootstrap
from kdops.steps.evaluation import predicted_labels
from kdops.tracking import host, names
from kdops.tracking.registry import LONGEST_DESCRIPTION
from kdops.training.recipes import RECIPES

_LONGEST_CITATION = 300
_MOST_NOTES = 5
_MOST_LABELS = 20
_CHAMPION = "\n\n## Champion\n\n"
_FORMER_CHAMPION = "\n\n## Former champion\n\n"
_NOTE = re.compile(f"{_CHAMPION}|{_FORMER_CHAMPION}")
_SHORTENED = "\n..."
_UNITS = {names.LATENCY_P95_MS: "ms", names.RAM_PEAK_MB: "MB", names.STORAGE_MB: "MB"}


def version_card(
    corpus: Corpus, bundle: Path, teacher_metrics: Mapping[str, float], metrics: Mapping[str, float], *, threads: int
) -> str:
    """The description of a registered version: data, licence, teacher, recipe, scores with spread, costs, limits.

    Args:
        corpus: What it was trained on.
        bundle: What is registered.
        teacher_metrics: What the teacher's run measured.
        metrics: What its own run measured.
        threads: CPU threads that costs were measured with.
    """
    predictor = Predictor.load(bundle)
    info = predictor.info
    made = "trained without distillation"
    if RECIPES[info.recipe].distills:
        made = f"distilled by `{info.recipe}` from `{info.teacher}`"
    cpu = f"{threads} CPU {'thread' if threads == 1 else 'threads'}, {host.kind(host.facts())}"
    sections = {
        "Data": _data(corpus),
        "Teacher and recipe": _recipe(corpus, info, teacher_metrics),
        "Scores": _scores(corpus, predictor, metrics),
        f"Costs ({info.precision}, {cpu})": _costs(metrics),
        "Limits": _limits(corpus, info),
    }
    head = f"**{info.student}** {made} on `{corpus.name}` ({corpus.licence})"
    return "\n\n".join([head, *("\n".join([f"## {title}\n", *lines]) for title, lines in sections.items())])


def with_promotion(
    card: str, tags: Mapping[str, object], numbers: Mapping[str, float], lost: Mapping[str, float]
) -> str:
    """A card that says, below everything else, since when, by whom and why its version is the champion.

    Args:
        card: The description so far; what it says of an earlier promotion is replaced, and what of it leaves no room
            for the note in MLflow's database is cut.
        tags: The tags of the promotion.
        numbers: The version's own figures.
        lost: Those of the champion that it replaced.
    """
    over = tags[names.PROMOTED_OVER]
    lines = [f"Since {tags[names.PROMOTED_AT]}, {_promoted(tags)}"]
    if lost:
        lines += ["", f"| | this version | version {over} |", "|---|---:|---:|"]
        lines += [f"| {name} | {_cell(name, numbers)} | {_cell(name, lost)} |" for name in {**numbers, **lost}]
    return _with_note(card, _CHAMPION + "\n".join(lines))


def with_replacement(card: str, tags: Mapping[str, object], successor: int, promotion: Mapping[str, object]) -> str:
    """A card that says, in place of that its version is the champion, until when it was and what serves instead.

    Args:
        card: The description so far.
        tags: The version's own tags; without those of a promotion somebody made it champion by other means.
        successor: The number of the version that replaced it.
        promotion: The tags of that promotion.
    """
    since = f"From {tags[names.PROMOTED_AT]} until " if names.PROMOTED_AT in tags else "Until "
    how = f", {_promoted(tags)}" if names.PROMOTED_AT in tags else ""
    replaced = f"Replaced by version {successor}, {_promoted(promotion, over=False)}"
    return _with_note(card, f"{_FORMER_CHAMPION}{since}{promotion[names.PROMOTED_AT]}{how}\n\n{replaced}")


def without_promotion(card: str) -> str:
    """A card without what it says of a promotion."""
    return _NOTE.split(card)[0]


def says_champion(card: str) -> bool:
    """Whether a card says that its version is the champion."""
    return _CHAMPION in card


def _promoted(tags: Mapping[str, object], *, over: bool = True) -> str:
    number = tags[names.PROMOTED_OVER]
    replaced = f" over version {number}" if over and number != "none" else ""
    return f"promoted by {tags[names.PROMOTED_BY]}{replaced}: {tags[names.PROMOTION_REASON]}"


def _with_note(card: str, note: str) -> str:
    """A card with a note below it; where both are too long for MLflow's database the card gives way."""
    card, room = without_promotion(card), LONGEST_DESCRIPTION - len(note)
    if len(card) > room:
        card = card[: max(0, room - len(_SHORTENED))] + _SHORTENED
    return card + note


def _data(corpus: Corpus) -> list[str]:
    rows = ", ".join(f"{split} {len(rows)}" for split, rows in corpus.splits.items())
    citation = [f"- cite: {corpus.citation[:_LONGEST_CITATION]}"] if corpus.citation else []
    return [
        f"- `{corpus.name}`, {corpus.task}, {len(corpus.labels)} labels; rows: {rows}; content {corpus.fingerprint}",
        f"- licence: {corpus.licence}",
        *citation,
    ]


def _recipe(corpus: Corpus, info: BundleInfo, teacher_metrics: Mapping[str, float]) -> list[str]:
    recipe, main = RECIPES[info.recipe], names.TEST_PREFIX + corpus.main_metric
    learns = "the teacher's logits, and gold labels as tuning chose" if recipe.distills else "gold labels alone"
    more = ", on the labeled texts and on texts without labels" if recipe.unlabeled else ""
    taught = f", test {corpus.main_metric} {teacher_metrics[main]:.4f}" if main in teacher_metrics else ""
    return [
        f"- teacher: `{info.teacher}`, fine-tuned on the same data{taught}",
        f"- recipe `{info.recipe}`: learns from {learns}{more}; embeddings start: {recipe.embeddings}",
    ]


def _scores(corpus: Corpus, predictor: Predictor, metrics: Mapping[str, float]) -> list[str]:
    lines = ["| split | texts | " + corpus.main_metric + " | 95 % between |", "|---|---:|---:|---:|"]
    for split, prefix in (("validation", names.VALIDATION_PREFIX), ("test", names.TEST_PREFIX)):
        predicted, gold = predicted_labels(predictor, corpus, split), corpus.gold(split)
        # Against the gold labels themselves, which score 1 however the rows are drawn.
        result = paired_bootstrap(corpus.task, corpus.labels, gold, predicted, gold)
        value = metrics[prefix + corpus.main_metric]
        lines.append(f"| {split} | {len(gold)} | {value:.4f} | {1 + result.low:.4f} and {1 + result.high:.4f} |")
    lines += ["", f"It keeps {metrics[names.F1_RETAINED]:.1%} of the teacher's {corpus.main_metric} on the test split."]
    if names.KD_GAIN in metrics:
        gain = metrics[names.KD_GAIN]
        lines[-1] += f" Distillation brought {gain:+.2f} points over the same student without it."
    return lines


def _costs(metrics: Mapping[str, float]) -> list[str]:
    shown = (
        ("latency p50", "cost.latency_p50_ms", "latency", "ms", ".3f"),
        ("latency p95", names.LATENCY_P95_MS, "", "ms", ".3f"),
        ("CPU a text", "cost.cpu_ms_per_text", "cpu", "ms", ".3f"),
        ("RAM peak", names.RAM_PEAK_MB, "ram", "MB", ".0f"),
        ("storage", names.STORAGE_MB, "storage", "MB", ".1f"),
    )
    lines = ["| | student | teacher / student |", "|---|---:|---:|"]
    for title, name, ratio, unit, form in shown:
        times = metrics.get(names.RATIO_PREFIX + ratio)
        lines.append(f"| {title} | {metrics[name]:{form}} {unit} | {'' if times is None else f'{times:.1f} x'} |")
    return lines


def _limits(corpus: Corpus, info: BundleInfo) -> list[str]:
    notes = [f"- {note}" for note in corpus.notes[:_MOST_NOTES]]
    left = len(corpus.notes) - len(notes)
    labels = ", ".join(corpus.labels[:_MOST_LABELS]) + (" ..." if len(corpus.labels) > _MOST_LABELS else "")
    return [
        f"- reads at most {info.max_length} pieces of a text and says so when it cut one",
        f"- knows these labels only: {labels}",
        "- tuned and selected on the validation split, so that score flatters it; one training run, one seed",
        "- measured on this data set's own test split; other texts may score otherwise",
        *notes,
        *([f"- {left} more notes: `list_datasets` tells them"] if left > 0 else []),
    ]


def _cell(name: str, values: Mapping[str, float]) -> str:
    return f"{values[name]:.4g} {_UNITS.get(name, '')}".strip() if name in values else "-"
