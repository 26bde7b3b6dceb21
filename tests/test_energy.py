from pathlib import Path

import pytest

from kdops.energy import Meter


def write(root: Path, **counters: int) -> None:
    for name, value in counters.items():
        folder = root / name.replace("_", ":").replace("rapl", "intel-rapl")
        folder.mkdir(exist_ok=True)
        (folder / "energy_uj").write_text(f"{value}\n", encoding="ascii")
        (folder / "max_energy_range_uj").write_text("10000000\n", encoding="ascii")


def test_what_all_processors_used_is_added_up(tmp_path: Path) -> None:
    write(tmp_path, rapl_0=1_000_000, rapl_1=9_000_000, rapl_0_0=500_000)
    with Meter(tmp_path) as meter:
        # The second counter begins anew, and what is a part of a processor does not count twice.
        write(tmp_path, rapl_0=3_500_000, rapl_1=1_000_000, rapl_0_0=900_000)
    assert meter.joules == pytest.approx(2.5 + 2.0)


def test_counters_are_read_meanwhile(tmp_path: Path) -> None:
    write(tmp_path, rapl_0=1_000_000)
    with Meter(tmp_path, every_s=0.01) as meter:
        write(tmp_path, rapl_0=3_000_000)
        while meter.joules != 2.0:
            pass


def test_a_machine_that_does_not_tell_has_used_nobody_knows_what(tmp_path: Path) -> None:
    with Meter(tmp_path) as meter:
        pass
    assert meter.joules is None
    (tmp_path / "intel-rapl:0").mkdir()
    with Meter(tmp_path) as meter:
        pass
    assert meter.joules is None
