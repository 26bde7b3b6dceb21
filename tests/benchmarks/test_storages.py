"""Trials per hour by each storage, on a database that is small."""

from pathlib import Path

import pytest

from benchmarks.storages import compare

pytest.importorskip("grpc", reason="grpcio is not installed")


@pytest.mark.slow
@pytest.mark.nightly
def test_all_trials_are_done_by_each_way(tmp_path: Path) -> None:
    head, _, direct, proxy = compare(f"sqlite:///{tmp_path / 'studies.db'}", workers=2, trials=2, rounds=1).splitlines()
    assert "trials per hour" in head
    assert direct.startswith("| direct | 2 |")
    assert proxy.startswith("| gRPC proxy | 2 |")
