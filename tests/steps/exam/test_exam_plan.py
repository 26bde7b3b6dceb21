import json
from pathlib import Path

import pytest

from kdops.data.corpus import load_corpus
from kdops.data.unlabeled import load_unlabeled
from kdops.errors import UserError
from kdops.models.student_kinds import STUDENTS
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.step import work_of
from kdops.steps.exam import plan as planning
from kdops.steps.exam.config import ExamConfig
from kdops.steps.exam.grid import Cell
from kdops.steps.exam.plan import Plan, check_exam, make_plan
from kdops.steps.teacher.step import teacher_keys
from kdops.tracking import names, runs
from kdops.tracking.names import Role


def write(folder: Path, good: str = "enak") -> Path:
    folder.mkdir(exist_ok=True)
    for number, split in enumerate(("train", "validation", "test")):
        rows = [{"text": f"{good} {number}", "label": "good"}, {"text": f"buruk {number}", "label": "bad"}]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def config(*datasets: Path | str, **more: object) -> ExamConfig:
    grid = {"students": ("bilstm", "cnn"), "recipes": ("vanilla", "kd"), "seeds": 2}
    return ExamConfig(each=DistillConfig(teacher="scratch"), datasets=tuple(map(str, datasets)), **{**grid, **more})  # type: ignore[arg-type]


def planned(asked: ExamConfig, workers: int) -> Plan:
    return make_plan(asked, check_exam(asked), workers)


def finish(cell: Cell) -> str:
    """A finished run that did a cell's work."""
    corpus = load_corpus(cell.config.dataset)
    unlabeled = load_unlabeled(corpus, None)
    work = work_of(cell.config, corpus, teacher_keys(corpus, unlabeled, cell.config.teacher_config), unlabeled, None)
    with runs.tracked(Role.STUDENT, str(cell), fingerprint=work, tags={names.DATASET: cell.dataset}) as run:
        pass
    return run.run_id


def states(plan: Plan) -> dict[tuple[str, str, str, int], bool]:
    return {
        (one.cell.dataset, one.cell.student, one.cell.recipe, one.cell.seed): one.finished is not None
        for one in plan.cells
    }


@pytest.fixture
def store(tracking_uri: str) -> None:
    """An empty tracking store."""
    runs.connect()


def test_nothing_is_finished_before_there_is_a_teacher(tracking_uri: str, tmp_path: Path) -> None:
    runs.connect()
    plan = planned(config(write(tmp_path / "one"), seeds=3), 2)
    assert len(plan.cells) == len(plan.to_do) == 12
    # The first of each group makes the teacher of its seed.
    assert [one.cell.seed for one in plan.cells[:3]] == [1, 2, 3]
    assert plan.summary == "12 cells: 0 finished, 12 to do; time: unknown, nothing like them was measured yet"


@pytest.mark.usefixtures("store")
def test_what_changes_in_one_data_set_is_done_again_for_exactly_its_cells(tmp_path: Path) -> None:
    both = config(write(tmp_path / "one"), write(tmp_path / "two"))
    before = planned(both, 1)
    for one in before.cells:
        if (one.cell.student, one.cell.seed) != ("cnn", 2):
            finish(one.cell)
    after = planned(both, 1)
    assert {cell: done for cell, done in states(after).items() if not done} == {
        (dataset, "cnn", recipe, 2): False for dataset in ("one", "two") for recipe in ("vanilla", "kd")
    }
    assert "16 cells: 12 finished, 4 to do" in str(after)
    write(tmp_path / "two", good="lezat")
    changed = states(planned(both, 1))
    assert {cell for cell, done in changed.items() if done} == {
        cell for cell, done in states(after).items() if done and cell[0] == "one"
    }


@pytest.mark.usefixtures("store")
def test_other_parameters_are_other_cells(tmp_path: Path) -> None:
    asked = config(write(tmp_path / "one"), students=("cnn",), recipes=("kd",), seeds=1)
    finish(planned(asked, 1).cells[0].cell)
    assert planned(asked, 1).to_do == []
    for changed in ({"trials": 9}, {"precision": "fp32"}, {"max_length": 64}, {"threads": 2}):
        other = asked.model_copy(update={"each": asked.each.model_copy(update=changed)})
        assert len(planned(other, 1).to_do) == 1
    limited = asked.model_copy(update={"each": asked.each.model_copy(update={"max_storage_mb": 5.0})})
    cells = [planned(one, 1).cells[0] for one in (asked, limited)]
    assert cells[0].finished == cells[1].finished is not None
    assert cells[0].cell.key == cells[1].cell.key


def test_everything_that_is_wrong_is_said_at_once(tracking_uri: str, tmp_path: Path) -> None:
    runs.connect()
    wrong = config(
        "smss", tmp_path / "none", "sample", students=("cnn2", "cnn", "lstm"), recipes=("kdx",), backend="slurm"
    )
    with pytest.raises(UserError) as caught:
        planned(wrong, 1)
    students, recipes, backend, *datasets = str(caught.value).splitlines()
    assert students == f"unknown students 'cnn2', 'lstm'; choose of: {', '.join(STUDENTS)}"
    assert recipes.startswith("unknown recipe 'kdx'; choose of: auto, vanilla, kd, ")
    assert backend == "unknown backend 'slurm'; choose of: loky, ray"
    assert len(datasets) == 2
    assert "'smss'" in datasets[0]
    assert str(tmp_path / "none") in datasets[1]


def test_a_backend_that_is_not_installed(tracking_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.connect()
    monkeypatch.setattr(planning, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"backend=ray is not installed: pip install 'kdops\[ray\]'"):
        planned(config("sample", backend="ray"), 1)


def test_students_that_cannot_start_from_the_teacher(tracking_uri: str) -> None:
    runs.connect()
    asked = config("sample").model_copy(update={"each": DistillConfig(init="teacher", max_length=600)})
    with pytest.raises(UserError) as caught:
        planned(asked, 1)
    assert [line.partition(";")[2].split()[0] for line in str(caught.value).splitlines()[:2]] == ["bilstm", "cnn"]


def test_two_data_sets_of_one_name(tracking_uri: str, tmp_path: Path) -> None:
    runs.connect()
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="are both called one; rename one of them"):
        planned(config(write(tmp_path / "one"), write(tmp_path / "other" / "one")), 1)


@pytest.mark.usefixtures("store")
def test_another_path_of_the_same_data_is_the_same_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "rev")
    texts = folder / "more.jsonl"
    texts.write_text("".join(f'{{"text": "enak sekali {number}"}}\n' for number in range(9)), encoding="utf-8")
    vectors = folder / "words.vec"
    vectors.write_text("1 2\nenak 0.1 0.2\n", encoding="utf-8")

    def keys(dataset: str, unlabeled: str, embeddings: str) -> list[str]:
        asked = config(dataset, recipes=("kd-unlabeled",))
        each = asked.each.model_copy(update={"unlabeled": unlabeled, "embeddings": embeddings, "length_filter": False})
        return [one.cell.key for one in planned(asked.model_copy(update={"each": each}), 1).cells]

    monkeypatch.chdir(tmp_path)
    known = keys("rev", "rev/more.jsonl", "rev/words.vec")
    assert len(set(known)) == len(known)
    assert keys("./rev", "./rev/more.jsonl", "./rev/words.vec") == known
    assert keys(str(folder), str(texts), str(vectors)) == known
    (tmp_path / "other.vec").write_text(vectors.read_text(encoding="utf-8"), encoding="utf-8")
    assert not set(keys("rev", "rev/more.jsonl", "other.vec")) & set(known)
