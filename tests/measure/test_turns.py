import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bundles import COST

from kdops.measure.turns import Measured, SideBySide, _OtherLoad, measure_side_by_side


def test_side_by_side_gives_both_in_order(make_bundle: Callable[..., Path]) -> None:
    small, large = make_bundle("small"), make_bundle("large", pieces=50_000, width=100)
    together = measure_side_by_side([small, large], ["nasi goreng", "enak"], rounds=1)
    student, teacher = together.costs
    assert (student.parameters, teacher.parameters) == (48, 5_000_200)
    assert student.storage_mb < teacher.storage_mb
    assert student.ratios(teacher.metrics())["ram"] > 1
    assert student.cold_start_ms > student.load_ms
    assert together.other_cores >= 0


def test_the_cost_is_the_median_and_the_spread_that_of_the_middle_half() -> None:
    measured = Measured(tuple(replace(COST, latency_p50_ms=value) for value in (1.0, 2.0, 3.0, 4.0, 50.0)))
    assert measured.cost == replace(COST, latency_p50_ms=3.0)
    assert measured.spread("latency_p50_ms") == pytest.approx((4 - 2) / 3)
    assert measured.spread("cpu_ms_per_text") == 0


def test_of_one_turn_nobody_knows_how_steady_it_is() -> None:
    once = SideBySide((Measured((COST,)),), other_cores=0.2).steadiness
    assert once.spread is None
    assert str(once) == "costs: of one turn, so how steady they are is unknown; others kept 0.2 cores busy"
    assert SideBySide((Measured((COST, COST)),), other_cores=0).steadiness.spread == 0


def test_energy_is_left_out_where_it_cannot_be_read() -> None:
    assert "energy_mj_per_text" not in Measured((COST, COST)).cost.metrics()
    told = Measured((replace(COST, energy_mj_per_text=3.0), replace(COST, energy_mj_per_text=5.0)))
    assert told.cost.energy_mj_per_text == 4
    for turns in ((*told.turns, COST), (COST, *told.turns)):
        assert Measured(turns).cost == COST


def test_what_this_process_does_is_no_load_of_others() -> None:
    before = _OtherLoad()
    end = time.process_time() + 1.0
    while time.process_time() < end:
        math.sqrt(2)
    mine = before.cores()
    before = _OtherLoad()
    time.sleep(1.0)
    # The others did about the same in both seconds; mine would be a whole core more.
    assert mine < before.cores() + 0.6
