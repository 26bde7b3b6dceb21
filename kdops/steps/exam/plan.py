"""The plan of an exam: everything is checked first, finished cells are found, the time of the others is estimated."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ParamSpec, TypeVar

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import SOURCES, Unlabeled
from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.models.student_kinds import STUDENTS
from kdops.models.teachers.sources import SCRATCH
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.step import check_choices, check_source, work_of
from kdops.steps.exam.cluster import check_cluster
from kdops.steps.exam.config import RAY, ExamConfig
from kdops.steps.exam.estimate import Estimator, in_words, side_by_side
from kdops.steps.exam.grid import Cell, in_turns
from kdops.steps.limits import LimitsConfig
from kdops.steps.setup import checked_corpus
from kdops.steps.tables import aligned
from kdops.steps.teacher.step import teacher_keys
from kdops.tracking.finished import read_finished
from kdops.tracking.names import Role
from kdops.training.recipes import AUTO, EMBEDDINGS, RECIPES

Given = ParamSpec("Given")
Result = TypeVar("Result")

ExamData = Mapping[str, tuple[Corpus, Unlabeled | None]]
"""The data sets by the names that the user gave, with their texts without labels."""

# The extra of kdops that each backend needs beyond `train`.
_BACKENDS = {"loky": None, RAY: "ray"}
# Parameters that may be paths, and their values that never are.
_PLACES = ("teacher", "general_encoder", "unlabeled", "embeddings")
_NO_PLACES = (SCRATCH, *SOURCES, *EMBEDDINGS)


@dataclass(frozen=True)
class Planned:
    """A cell and its state.

    Attributes:
        cell: which.
        finished: the run that did it; None: it is still to be done.
        seconds: how long it will take one worker; None: nothing like it was measured yet.
    """

    cell: Cell
    finished: str | None
    seconds: float | None


@dataclass(frozen=True)
class Plan:
    """All cells, in the order in which workers take them."""

    cells: Sequence[Planned]
    workers: int

    @property
    def to_do(self) -> list[Planned]:
        """Those that no finished run has done."""
        return [one for one in self.cells if one.finished is None]

    def __str__(self) -> str:
        head = ("data set", "student", "recipe", "seed", "state", "estimate")
        rows = [
            (
                *(one.cell.dataset, one.cell.student, one.cell.recipe, str(one.cell.seed)),
                "to do" if one.finished is None else "finished",
                in_words(one.seconds) if one.finished is None else "",
            )
            for one in self.cells
        ]
        return f"{aligned([head, *rows])}\n\n{self.summary}"

    @property
    def summary(self) -> str:
        """The numbers of all cells, finished and to do, and the time of the latter."""
        counts = f"{len(self.cells)} cells: {len(self.cells) - len(self.to_do)} finished, {len(self.to_do)} to do"
        known = [one.seconds for one in self.to_do if one.seconds is not None]
        unknown = len(self.to_do) - len(known)
        if not self.to_do:
            return counts
        if not known:
            return f"{counts}; time: unknown, nothing like them was measured yet"
        at_work = min(self.workers, len(self.to_do))
        workers = f"with {at_work} {'worker' if at_work == 1 else 'workers'}"
        more = f", and unknown for {unknown} of them" if unknown else ""
        return f"{counts}; time: about {in_words(side_by_side(known, at_work))} {workers}{more}"


def check_exam(config: ExamConfig) -> ExamData:
    """Check everything that the cells need.

    Raises:
        UserError: a line for each thing that is wrong, all of them.
    """
    problems = _Problems()
    problems.unknown("student", config.students, STUDENTS)
    problems.unknown("recipe", config.recipes, (AUTO, *RECIPES))
    problems.unknown("backend", [config.backend], _BACKENDS)
    module = _BACKENDS.get(config.backend)
    if module and not find_spec(module):
        problems.add(f"backend={config.backend} is not installed: pip install 'kdops[{module}]'")
    elif config.backend == RAY:
        problems.caught(check_cluster)
    corpora: dict[str, Corpus] = {}
    for dataset in config.datasets:
        corpus = problems.caught(_corpus, config.each.model_copy(update={"dataset": dataset}))
        if corpus:
            same = next((other for other, one in corpora.items() if one.name == corpus.name), None)
            if same:
                problems.add(f"datasets {same!r} and {dataset!r} are both called {corpus.name}; rename one of them")
            corpora[dataset] = corpus
    for student in config.students:
        if student in STUDENTS:
            problems.caught(check_choices, config.cell("", student, "kd", 1))
    for corpus in corpora.values():
        problems.caught(check_source, config.each, corpus)
    problems.raise_any()
    found = {dataset: (corpus, problems.caught(_unlabeled, config, corpus)) for dataset, corpus in corpora.items()}
    problems.raise_any()
    return found


def make_plan(config: ExamConfig, data: ExamData, workers: int) -> Plan:
    """Find out which cells are finished, and how long the others will take; nothing is trained."""
    finished, teachers = read_finished(Role.STUDENT), read_finished(Role.TEACHER)
    trained = {one.fingerprint for one in teachers}
    done = {one.fingerprint: one.run_id for one in reversed(finished)}
    states: dict[Cell, str | None] = {}
    taught: set[tuple[str, int]] = set()
    groups = []
    for dataset, (corpus, unlabeled) in data.items():
        for seed in range(1, config.seeds + 1):
            teacher = config.cell(dataset, STUDENTS[0], "kd", seed).teacher_config
            keys = teacher_keys(corpus, unlabeled, teacher)
            if keys.work in trained:
                taught.add((corpus.name, teacher.seed))
            group = [
                _cell(config, dataset, corpus, student, recipe, seed)
                # Students before recipes: those of one student share its training without distillation.
                for recipe in config.recipes
                for student in config.students
            ]
            for cell in group:
                plan = cell.config.general_plan(corpus)
                states[cell] = done.get(work_of(cell.config, corpus, keys, unlabeled, plan))
            groups.append(group)
    sources = {corpus.name: config.each.source(corpus) for corpus, _ in data.values()}
    estimator = Estimator(finished, teachers, taught, sources, states)
    return Plan([Planned(cell, states[cell], estimator.seconds(cell)) for cell in in_turns(groups)], workers)


def _cell(config: ExamConfig, dataset: str, corpus: Corpus, student: str, recipe: str, seed: int) -> Cell:
    asked = config.cell(dataset, student, recipe, seed).resolved(corpus)
    # Not the place of the data, whose content is there: two exams may call it by different paths. Limits train nothing.
    described = asked.model_dump(exclude={"dataset", *LimitsConfig.model_fields}) | {"teacher": asked.source(corpus)}
    places = {name: _one_place(described[name]) for name in _PLACES}
    return Cell(corpus.name, asked, fingerprint("cell", corpus.fingerprint, described | places))


def _one_place(named: str | None) -> str | None:
    """One spelling for all paths of one file or folder; other names stay as they are."""
    path = None if named is None or named in _NO_PLACES else Path(named).expanduser()
    return str(path.resolve()) if path and path.exists() else named


def _corpus(config: DistillConfig) -> Corpus:
    return checked_corpus(config).corpus


def _unlabeled(config: ExamConfig, corpus: Corpus) -> Unlabeled | None:
    recipes = (config.cell("", STUDENTS[0], recipe, 1).resolved(corpus).chosen_recipe for recipe in config.recipes)
    needed = any(recipe.unlabeled for recipe in recipes) or config.each.source(corpus) == SCRATCH
    return config.each.unlabeled_texts(corpus, wanted=needed)


class _Problems:
    """Everything that is wrong, so that the user hears of all of it at once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        if line not in self._lines:
            self._lines.append(line)

    def unknown(self, what: str, given: Iterable[str], choices: Iterable[str]) -> None:
        wrong = [repr(name) for name in given if name not in set(choices)]
        if wrong:
            kind = what if len(wrong) == 1 else f"{what}s"
            self.add(f"unknown {kind} {', '.join(wrong)}; choose of: {', '.join(choices)}")

    def caught(self, check: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result | None:
        try:
            return check(*given, **named)
        except UserError as error:
            self.add(str(error))
            return None

    def raise_any(self) -> None:
        if self._lines:
            raise UserError("\n".join(self._lines))
