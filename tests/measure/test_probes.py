import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kdops.measure import probes

ROOT = Path(__file__).parents[2]


def fresh(code: str) -> dict[str, float]:
    """The JSON that a new process prints when it runs this code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def test_a_second_of_sleep_is_a_second_and_no_cpu() -> None:
    with probes.usage() as asleep:
        time.sleep(1)
    assert 0.95 <= asleep.wall_s <= 1.1
    assert asleep.cpu_s < 0.05


def test_a_second_of_work_is_a_second_of_cpu() -> None:
    with probes.usage() as busy:
        end = time.process_time() + 1
        while time.process_time() < end:
            pass
    assert 0.98 <= busy.cpu_s <= 1.1
    assert busy.wall_s >= 0.98


def test_work_of_other_threads_counts() -> None:
    said = fresh("""
import hashlib, json, threading, time
from kdops.measure.probes import usage
seconds = []
def work():
    for _ in range(30):
        hashlib.sha256(b"x" * 10_000_000).digest()
    seconds.append(time.thread_time())
with usage() as measured:
    threads = [threading.Thread(target=work) for _ in range(2)]
    [thread.start() for thread in threads]; [thread.join() for thread in threads]
print(json.dumps({"measured": measured.cpu_s, "threads": sum(seconds)}))
""")
    assert said["threads"] > 0.1
    assert said["measured"] == pytest.approx(said["threads"], rel=0.1)


def test_time_is_filled_in_when_the_block_fails() -> None:
    with pytest.raises(KeyError), probes.usage() as measured:
        raise KeyError
    assert measured.wall_s >= 0


def test_a_100_mb_array_is_100_mb() -> None:
    said = fresh("""
import json
import numpy as np
from kdops.measure.probes import peak_rss_mb, rss_mb
before, peak_before = rss_mb(), peak_rss_mb()
array = np.ones(100_000_000, dtype=np.uint8)
during, peak = rss_mb(), peak_rss_mb()
del array
print(json.dumps({"grown": during - before, "peak_grown": peak - peak_before, "kept": rss_mb() - before,
                  "peak_kept": peak_rss_mb() - peak}))
""")
    assert said["grown"] == pytest.approx(100, abs=3)
    assert said["peak_grown"] == pytest.approx(100, abs=3)
    assert said["kept"] == pytest.approx(0, abs=3)
    assert said["peak_kept"] == pytest.approx(0, abs=1)


def test_a_large_parent_does_not_make_a_child_large() -> None:
    child = "from kdops.measure.probes import peak_rss_mb; print(peak_rss_mb())"
    said = fresh(f"""
import json, subprocess, sys
import numpy as np
array = np.ones(300_000_000, dtype=np.uint8)
done = subprocess.run([sys.executable, "-c", {child!r}], capture_output=True, text=True, check=True)
print(json.dumps({{"child": float(done.stdout)}}))
""")
    assert said["child"] < 60


def test_without_proc_the_portable_accounts_say_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rss = probes.rss_mb()
    monkeypatch.setattr(probes, "_STATUS", Path("/does/not/exist"))
    assert probes.rss_mb() == pytest.approx(rss, rel=0.05)
    assert probes.peak_rss_mb() >= rss * 0.95


def test_energy_is_the_sum_over_packages(tmp_path: Path) -> None:
    assert probes.package_energy_j(tmp_path) is None
    for name, microjoules in (("intel-rapl:0", 2_000_000), ("intel-rapl:1", 500_000), ("intel-rapl:0:0", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{microjoules}\n")
    assert probes.package_energy_j(tmp_path) == 2.5
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    assert probes.package_energy_j(tmp_path) is None


def test_a_counter_that_began_again_tells_nothing() -> None:
    assert probes.energy_used_j(2.0, 5.5) == 3.5
    assert probes.energy_used_j(262_143.0, 12.0) is None
    assert probes.energy_used_j(None, 1.0) is None
    assert probes.energy_used_j(1.0, None) is None
