"""The card of a registered version for the registry's UI, in Markdown."""

from collections.abc import Mapping

from kdops.data.corpus import Corpus
from kdops.deploy.predictor import BundleInfo
from kdops.measure.costs import Room, costs
from kdops.metrics import AGREEMENT
from kdops.number_text import score, share
from kdops.resampling import paired_bootstrap
from kdops.steps.distill.result import DistilledStudent
from kdops.tracking import host, names
from kdops.training.recipes import RECIPES

_LONGEST_CITATION = 300
_MOST_NOTES = 5
_MOST_LABELS = 20


def version_card(corpus: Corpus, result: DistilledStudent, info: BundleInfo, *, threads: int) -> str:
    """The description of a registered version: data, licence, teacher, recipe, scores with spread, costs, limits.

    Args:
        corpus: the data set that it was trained on.
        result: the computed student.
        info: the content of its bundle's `bundle.json`.
        threads: CPU threads that costs were measured with.
    """
    made = "trained without distillation"
    if not RECIPES[info.recipe].baseline:
        made = f"distilled by `{info.recipe}` from `{info.teacher}`"
    cpu = f"{threads} CPU {'thread' if threads == 1 else 'threads'}, {host.kind(host.facts())}"
    sections = {
        f"Costs ({info.precision}, {cpu})": _costs(result.metrics()),
        "Scores": _scores(corpus, result),
        "Teacher and recipe": _recipe(corpus, info, result),
        "Data": _data(corpus),
        "Limits": _limits(corpus, info),
    }
    head = [
        # The list of versions shows its first words.
        f"{result.in_short}: {info.student} {made} on `{corpus.name}` ({corpus.licence})",
        result.verdict,
    ]
    return "\n\n".join([*head, *("\n".join([f"## {title}\n", *lines]) for title, lines in sections.items())])


def _data(corpus: Corpus) -> list[str]:
    rows = ", ".join(f"{split} {len(rows)}" for split, rows in corpus.rows.items())
    citation = [f"- cite: {corpus.citation[:_LONGEST_CITATION]}"] if corpus.citation else []
    no_gold = [f"- no gold labels: labels are those of `{corpus.labeled_by}`, and scores are agreement with it"]
    return [
        f"- `{corpus.name}`, {corpus.task}, {len(corpus.labels)} labels; rows: {rows}; content {corpus.fingerprint}",
        *(no_gold if corpus.labeled_by else []),
        f"- licence: {corpus.licence}",
        *citation,
    ]


def _recipe(corpus: Corpus, info: BundleInfo, result: DistilledStudent) -> list[str]:
    recipe, main = RECIPES[info.recipe], corpus.main_metric
    gold = "the teacher's labels" if corpus.labeled_by else "gold labels"
    learns = f"the teacher's logits, and {gold} as tuning chose" if recipe.distills else f"{gold} alone"
    if recipe.general:
        learns = f"the token states of the pre-trained encoder, then {learns}"
    more = ", on the labeled texts and on texts without labels" if recipe.unlabeled else ""
    teacher, scored = result.teacher, result.teacher.scores.test.get(main)
    kind = "used as it is" if corpus.labeled_by else "fine-tuned on the same data"
    if teacher.texts is not None:
        kind = f"a file of probabilities of {teacher.texts} texts"
    test_score = "" if corpus.labeled_by else ", no test score, since it lacks test texts"
    if scored is not None:
        test_score = f", test {main} {score(scored)}"
    return [
        f"- teacher: `{info.teacher}`, {kind}{test_score}",
        f"- recipe `{info.recipe}`: learns from {learns}{more}; embeddings start: {recipe.embeddings}",
    ]


def _scores(corpus: Corpus, result: DistilledStudent) -> list[str]:
    main = corpus.main_metric
    lines = [f"| split | texts | {main} | 95 % between |", "|---|---:|---:|---:|"]
    splits = (
        ("validation", result.scores.validation, result.scores.validation_labels),
        ("test", result.scores.test, result.scores.test_labels),
    )
    for split, scores, predicted in splits:
        gold = corpus.gold(split)
        # Against the gold labels themselves, which score 1 however the rows are drawn.
        interval = paired_bootstrap(corpus.task, corpus.labels, gold, predicted, gold)
        between = f"{score(1 + interval.low)} and {score(1 + interval.high)}"
        lines.append(f"| {split} | {len(gold)} | {score(scores[main])} | {between} |")
    if corpus.labeled_by:
        lines += ["", f"It gives {share(result.scores.test[AGREEMENT])} of the teacher's labels on the test split."]
    return lines


def _costs(metrics: Mapping[str, float]) -> list[str]:
    lines = ["| | student | teacher / student |", "|---|---:|---:|"]
    for cost in costs(Room.SOME, metrics, names.COST_PREFIX):
        value, times = cost.shown(metrics, names.COST_PREFIX), cost.times(metrics, names.RATIO_PREFIX)
        lines.append(f"| {cost.title} | {value} {cost.unit} | {times} |")
    return lines


def _limits(corpus: Corpus, info: BundleInfo) -> list[str]:
    notes = [f"- {note}" for note in corpus.notes[:_MOST_NOTES]]
    left = len(corpus.notes) - len(notes)
    labels = ", ".join(corpus.labels[:_MOST_LABELS]) + (" ..." if len(corpus.labels) > _MOST_LABELS else "")
    return [
        f"- reads at most {info.max_length} tokens per text and says so when it cut one",
        f"- knows these labels only: {labels}",
        "- tuned and selected on the validation split, so that score flatters it; one training run, one seed",
        "- measured on this data set's own test split; other texts may score otherwise",
        *notes,
        *([f"- {left} more notes: see `list_datasets`"] if left > 0 else []),
    ]
