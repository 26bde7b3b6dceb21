import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kdops import machine
from kdops.errors import UserError
from kdops.machine import CgroupFiles, check_system, cores, memory_bytes

ROOT = Path(__file__).parents[1]
ALLOWED = len(os.sched_getaffinity(0))
GIB = 2**30


def cgroups(folder: Path, membership: str, **limits: str) -> CgroupFiles:
    """A machine whose groups have these limits, named by file, with `__` between folders and `_DOT_` in names."""
    (folder / "membership").write_text(membership, encoding="utf-8")
    (folder / "groups").mkdir()
    for name, text in limits.items():
        file = folder / "groups" / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", encoding="utf-8")
    return CgroupFiles(folder / "groups", folder / "membership")


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("100000 100000", 1), ("250000 100000", 3), ("10000 100000", 1), ("1600000 100000", 8)],
)
def test_a_quota_of_version_2_is_heeded(tmp_path: Path, quota: str, expected: int) -> None:
    assert cores(cgroups(tmp_path, "0::/\n", cpu_DOT_max=quota)) == expected


@pytest.mark.usefixtures("eight_cores")
def test_the_tightest_of_the_groups_around_counts(tmp_path: Path) -> None:
    limits = {
        "pod__one__cpu_DOT_max": "max 100000",
        "pod__cpu_DOT_max": "200000 100000",
        "cpu_DOT_max": "400000 100000",
    }
    assert cores(cgroups(tmp_path, "0::/pod/one\n", **limits)) == 2


@pytest.mark.usefixtures("eight_cores")
def test_in_a_container_the_top_is_its_own_group(tmp_path: Path) -> None:
    """Without a namespace of its own it reads the host's path, of which it sees nothing."""
    assert cores(cgroups(tmp_path, "0::/docker/3f2a\n", cpu_DOT_max="100000 100000")) == 1


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("150000", 2), ("50000", 1)])
def test_a_quota_of_version_1_is_heeded(tmp_path: Path, quota: str, expected: int) -> None:
    folder = "cpu,cpuacct__job__cpu_DOT_cfs_"
    limits = {f"{folder}quota_us": quota, f"{folder}period_us": "100000"}
    assert cores(cgroups(tmp_path, "4:memory:/job\n3:cpu,cpuacct:/job\n1:name=systemd:/job\n", **limits)) == expected


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize("text", ["", "max", "nonsense nonsense", "100000 0"])
def test_what_cannot_be_read_limits_nothing(tmp_path: Path, text: str) -> None:
    assert cores(cgroups(tmp_path, "0::/\n", cpu_DOT_max=text)) == 8


def test_affinity_is_heeded() -> None:
    if not shutil.which("taskset"):
        pytest.skip("taskset is not installed")
    first = str(min(os.sched_getaffinity(0)))
    code = "from kdops.machine import cores; print(cores())"
    command = ["taskset", "--cpu-list", first, sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout == "1\n"


def test_systems_without_affinity_and_groups_have_all_their_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    nowhere = CgroupFiles(tmp_path / "none", tmp_path / "none")
    assert cores(nowhere) == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores(nowhere) == 1


def test_memory_is_the_machines_or_the_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_physical_bytes", lambda: 64 * GIB)
    nowhere = CgroupFiles(tmp_path / "none", tmp_path / "none")
    assert memory_bytes(nowhere) == 64 * GIB
    for name, membership, limits in (
        ("v2", "0::/\n", {"memory_DOT_max": str(4 * GIB)}),
        ("v1", "4:memory:/\n", {"memory__memory_DOT_limit_in_bytes": str(4 * GIB)}),
    ):
        (tmp_path / name).mkdir()
        assert memory_bytes(cgroups(tmp_path / name, membership, **limits)) == 4 * GIB
    (tmp_path / "free").mkdir()
    unlimited = {"memory__memory_DOT_limit_in_bytes": "9223372036854771712"}
    assert memory_bytes(cgroups(tmp_path / "free", "4:memory:/\n", **unlimited)) == 64 * GIB


def test_memory_is_counted_without_a_count_of_pages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = machine._physical_bytes()
    monkeypatch.delattr(os, "sysconf")
    assert machine._physical_bytes() == pytest.approx(counted, rel=0.01)


def test_the_processor_has_a_name_without_proc_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "none")
    assert machine.cpu_model()


def test_windows_is_told_where_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    check_system()
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UserError, match="WSL 2"):
        check_system()
