import logging
import sys
from collections.abc import Sequence

import pytest

from kdops.progress import Bar, in_chunks


def test_without_a_terminal_it_is_a_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="kdops")
    with Bar(4, "measuring", "processes", every_s=0) as bar:
        bar.update(2)
    assert [line.partition(",")[0] for line in caplog.messages] == [
        "measuring: 0 of 4 processes",
        "measuring: 2 of 4 processes",
    ]
    assert all(" so far, " in line and line.endswith(" left") for line in caplog.messages)


def test_what_is_quickly_done_says_nothing(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, logger="kdops")
    with Bar(4, "measuring", "processes") as bar:
        bar.update(4)
    with Bar(4, "measuring", "processes", quiet=True, every_s=0) as bar:
        bar.update(4)
    assert caplog.messages == []
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_live_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Bar(4, "measuring", "processes") as bar:
        bar.update(2)
        bar.refresh()
        drawn = capsys.readouterr().err
    assert "measuring:  50%" in drawn


def test_answers_in_chunks_are_those_of_all_items_in_their_order() -> None:
    asked: list[int] = []

    def negated(items: Sequence[int]) -> list[int]:
        asked.append(len(items))
        return [-item for item in items]

    assert in_chunks(range(150), negated, "answering") == [-number for number in range(150)]
    assert sum(asked) == 150
    assert len(asked) > 1
    assert in_chunks([], negated, "answering") == []
