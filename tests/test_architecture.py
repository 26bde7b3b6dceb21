"""The rules of the house that no single module can hold: who may import whom, and what importing costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PREDICTOR = ROOT / "kdops" / "deploy" / "predictor.py"

# A room may import its own floor and those below it. The single modules beside the rooms are the ground floor.
FLOORS = [
    {path.stem for path in (ROOT / "kdops").glob("*.py")} - {"metrics", "resampling"},
    {"metrics", "resampling", "data", "models"},
    {"training"},
    {"deploy"},
    {"measure"},
    {"tracking"},
    {"report"},
    {"steps"},
    {"entrypoints"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Loaded by MLflow in every process, so outside the house and knowing nothing of it.
OUTSIDE = {"mlflow_plugin"}

HEAVY = {
    "torch",
    "transformers",
    "datasets",
    "mlflow",
    "optuna",
    "accelerate",
    "onnx",
    "sklearn",
    "pandas",
    "matplotlib",
    "plotly",
}
# Seconds to import, and of no use before a step has checked its data and connected to MLflow.
ONLY_FOR_WORK = HEAVY | {"gensim", "sqlalchemy", "huggingface_hub"}
# Not the report, which draws and tabulates whatever it finds.
STEPS = (
    "distill.step",
    "exam.step",
    "teacher.step",
    "general_distillation.step",
    "promote.step",
    "measure",
    "export",
    "pick",
)
PREDICTOR_NEEDS = {"numpy", "onnxruntime", "tokenizers"}
GROUND_FLOOR = {f"kdops.{module}" for module in FLOORS[0]}
ENTRY_POINT_NEEDS = {"typer", "pydantic", "pydantic_core", "kdops.steps", "kdops.__version__", *GROUND_FLOOR}
# Light modules of higher floors: names for help, and what a program sets before anything heavy is imported.
LIGHT = ("kdops.models.student_kinds", "kdops.training.recipes", "kdops.training.memory")
TIMES_OF_DAY = {"time.time", "time.time_ns", "time.ctime", "datetime.now", "datetime.utcnow", "datetime.datetime.now"}
# For people to read; only a cold start is timed by it, from one process to the next.
SAYS_THE_TIME = {
    "kdops/tracking/runs.py",
    "kdops/report/page.py",
    "kdops/steps/promote/approval_and_rollback.py",
    "kdops/measure/worker.py",
    "kdops/measure/measurement.py",
}

MODULES = sorted([*(ROOT / "kdops").rglob("*.py"), *(ROOT / "entrypoints").glob("*.py")])


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, inside functions too, `from a import b` as `a.b`."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _room(name: str) -> str | None:
    """The room of a dotted module name, None for other people's modules."""
    head, *rest = name.split(".")
    if head == "entrypoints":
        return "entrypoints"
    if head != "kdops":
        return None
    return rest[0] if rest and rest[0] in FLOOR.keys() | OUTSIDE else "__init__"


def _room_of_file(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "entrypoints" else parts[1]


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_module_has_a_floor() -> None:
    assert {_room_of_file(path) for path in MODULES} <= FLOOR.keys() | OUTSIDE


# What `import kdops` offers is imported when it is asked for; see `test_importing_a_package_is_cheap`.
@pytest.mark.parametrize("path", [path for path in MODULES if path != ROOT / "kdops" / "__init__.py"], ids=_name)
def test_no_room_imports_a_higher_one(path: Path) -> None:
    here = _room_of_file(path)
    wrong = [
        f"{_name(path)}:{line} imports {name}"
        for line, name in _imports(path)
        if (room := _room(name)) is not None and (here in OUTSIDE or room in OUTSIDE or FLOOR[room] > FLOOR[here])
    ]
    assert not wrong


def _modules_imported(path: Path, modules: frozenset[str]) -> set[str]:
    """The modules of the house that a module names, in functions and for type checkers too."""
    found = set()
    for _, name in _imports(path):
        while name and name not in modules:
            name = name.rpartition(".")[0]
        found.add(name)
    return found & modules


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}
    # What `import kdops` offers is imported when it is asked for.
    imported = {name: _modules_imported(path, frozenset(names)) - {name} for name, path in names.items()} | {
        "kdops": ()
    }
    try:
        tuple(TopologicalSorter(imported).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("path", [path for path in MODULES if _room_of_file(path) != "tracking"], ids=_name)
def test_only_tracking_talks_to_mlflow(path: Path) -> None:
    assert not [f"{_name(path)}:{line}" for line, name in _imports(path) if name.split(".")[0] == "mlflow"]


@pytest.mark.parametrize("path", sorted((ROOT / "entrypoints").glob("*.py")), ids=_name)
def test_entry_points_know_only_their_steps(path: Path) -> None:
    allowed = sys.stdlib_module_names | ENTRY_POINT_NEEDS | {"entrypoints"}
    wrong = [
        f"{_name(path)}:{line} imports {name}"
        for line, name in _imports(path)
        if not {name.split(".")[0], ".".join(name.split(".")[:2])} & allowed and not name.startswith(LIGHT)
    ]
    assert not wrong


def test_the_predictor_imports_its_three_packages_only() -> None:
    assert {name.split(".")[0] for _, name in _imports(PREDICTOR)} <= sys.stdlib_module_names | PREDICTOR_NEEDS


def test_the_predictor_works_as_one_copied_file_where_nothing_else_is_installed(tmp_path: Path) -> None:
    blocked = HEAVY | {"kdops", "joblib", "psutil", "safetensors", "pydantic", "typer", "huggingface_hub"}
    (tmp_path / "predictor.py").write_bytes(PREDICTOR.read_bytes())
    done = _python(
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {blocked!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import predictor\n"
        "assert predictor.Predictor.load and predictor.__file__.startswith(sys.path[0])\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "kdops",
        "kdops.mlflow_plugin",
        "kdops.deploy.predictor",
        *(f"kdops.{path.parent.name}" for path in sorted((ROOT / "kdops").glob("*/__init__.py"))),
    ],
)
def test_importing_a_package_is_cheap(module: str) -> None:
    done = _python(f"import sys, {module}\nprint(*sorted({HEAVY!r} & sys.modules.keys()))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_imported_without_what_it_trains_with(step: str) -> None:
    done = _python(f"import sys, kdops.steps.{step}\nprint(*sorted({ONLY_FOR_WORK!r} & sys.modules.keys()))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_student_of_a_finished_teacher_needs_none_of_the_models_of_transformers() -> None:
    """Half of what a process imports otherwise."""
    done = _python("import sys, kdops.steps.distill.stages\nprint(*sorted(sys.modules))")
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert "torch" in imported
    assert not {"transformers.modeling_utils", "torch.distributed.tensor", "torch._dynamo", "sklearn"} & imported


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_time_is_taken_from_a_clock_that_may_be_set(path: Path) -> None:
    code = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(code) if isinstance(node, ast.Call)}
    assert _name(path) in SAYS_THE_TIME or not calls & TIMES_OF_DAY
