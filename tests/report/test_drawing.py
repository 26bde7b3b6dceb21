"""Figures are of a bounded size, take labels for what they are, and end no run."""

import logging
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from kdops.report import classes as report_classes
from kdops.report.chart import Axis, Chart, Matrix, Panel, Series
from kdops.report.image import draw, save_image
from kdops.report.page import draw as draw_page
from kdops.task import Task
from kdops.tracking.drawing import ConfusedPair, label_text, most_confused, plain_text, png
from kdops.tracking.pictures import confusion_matrix

PRICES = ["$", "$$", "$$$", r"\frac", "$x_{$", "a^b", "50%", "<b>"]


def chart(labels: list[str]) -> Chart:
    series = [Series(name, labels, [0.5] * len(labels), "#000000", "circle") for name in ("$a$", "b")]
    counts = np.eye(len(labels), dtype=int).tolist()
    panels = [Panel("F1 $by$ class", Axis("$class$"), Axis("F1"), series), Matrix("texts $", labels, counts)]
    return Chart("classes", "$title$", "", [*panels, Panel("bars", Axis("x"), Axis("y"), series, bars=True)])


def drawn_text(figure: Figure) -> str:
    """All tick labels as they are drawn: matplotlib takes the backslash before a dollar for no math."""
    figure.draw_without_rendering()
    ticks = (label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels()))
    return "\n".join(label.get_text().replace(r"\$", "$") for label in ticks)


def test_labels_are_never_read_as_math(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    figure = confusion_matrix(np.eye(len(PRICES), dtype=int), PRICES)
    assert set(PRICES) <= set(drawn_text(figure).split("\n"))
    assert save_image(chart(PRICES), tmp_path).stat().st_size > 10_000
    assert set(PRICES) <= set(drawn_text(draw(chart(PRICES))).split("\n"))
    assert not caplog.messages


@pytest.mark.parametrize(("panels", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 3), (7, 3, 3)])
def test_no_more_than_three_panels_stand_side_by_side(panels: int, rows: int, columns: int) -> None:
    bars = chart(["a", "b"]).panels[-1]
    figure = draw(Chart("many", "many", "", [bars] * panels))
    assert len(figure.axes) == panels
    assert figure.get_size_inches().tolist() == pytest.approx([4.4 * columns, 4.0 * rows])


def test_labels_are_never_read_as_html() -> None:
    for panel in chart(PRICES).panels:
        drawn = draw_page(panel).data[0]
        assert "&lt;b&gt;" in drawn.x
        assert "<b>" not in drawn.x


def test_a_figure_that_cannot_be_drawn_is_a_warning(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    def wrong() -> Figure:
        figure = Figure()
        figure.text(0, 0, "$\\nothing_{$")
        return figure

    with caplog.at_level(logging.WARNING):
        image = png(wrong, "the matrix")
    assert caplog.messages == ["the matrix cannot be drawn"]
    (tmp_path / "sheet.png").write_bytes(image)
    sheet = matplotlib.image.imread(tmp_path / "sheet.png")
    # Words are there: dark pixels on a white sheet of 5 by 1 inches.
    assert sheet.shape == (100, 500, 4)
    assert 0.001 < (sheet[..., 0] < 0.5).mean() < 0.5


def test_letters_that_no_font_has_are_escaped() -> None:
    assert plain_text("Größe café отзыв") == "Größe café отзыв"
    assert plain_text("a\ue000") == r"a\ue000"
    assert plain_text("a\U000f0000$") == r"a\U000f0000\$"


def test_labels_in_any_script_draw_without_a_missing_letter(recwarn: pytest.WarningsRecorder) -> None:
    confusion_matrix(np.eye(3, dtype=int), ["好评", "ดี", "अच्छा"]).savefig("/dev/null", format="png")
    assert not [one for one in recwarn if "missing from font" in str(one.message)]


def test_long_labels_are_cut() -> None:
    assert label_text("x" * 100) == "x" * 39 + "…"
    assert label_text("x" * 40) == "x" * 40


@pytest.mark.parametrize("classes", [2, 31, 120, 300])
def test_a_confusion_matrix_has_a_bounded_size(classes: int) -> None:
    labels = [f"class number {number}" for number in range(classes)]
    started = time.process_time()
    figure = confusion_matrix(np.eye(classes, dtype=int), labels)
    figure.savefig("/dev/null", format="png")
    assert time.process_time() - started < 10
    assert max(figure.get_size_inches()) <= 17
    assert len(figure.axes[0].texts) == (classes**2 if classes <= 30 else 0)


def test_the_most_confused_pairs() -> None:
    counts = [[8, 2, 0], [1, 9, 0], [0, 5, 5]]
    assert most_confused(counts, ["a", "b", "c"]) == [
        ConfusedPair("c", "b", times=5, of=10),
        ConfusedPair("a", "b", times=2, of=10),
        ConfusedPair("b", "a", times=1, of=10),
    ]
    assert most_confused(counts, ["a", "b", "c"], most=1)[0].gold == "c"
    assert most_confused(np.eye(3, dtype=int).tolist(), ["a", "b", "c"]) == []


@pytest.mark.parametrize(("classes", "tables"), [(2, 0), (40, 1)])
def test_a_report_has_a_table_of_confused_classes_where_they_are_too_many_for_a_matrix(
    classes: int, tables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [f"c{number}" for number in range(classes)]
    counts = np.eye(classes, dtype=int) * 5
    counts[0, 1] = 3
    told = {"labels": labels, "confusion": counts.tolist(), "classes": {}}
    best = {"run_id": "1", "student": "cnn", "task": Task.TEXT}
    monkeypatch.setattr(report_classes, "best_student", lambda results: best)
    monkeypatch.setattr(report_classes, "read_classes", lambda run_id: told)
    found = list(report_classes.confused(None))  # type: ignore[arg-type]
    assert len(found) == tables
    assert all(table.rows == [{"gold": "c0", "predicted": "c1", "texts": "3 of 8"}] for table in found)
