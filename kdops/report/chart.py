"""Descriptions of figures; `page` draws them with plotly and `image` with matplotlib."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        title: what it shows, with its unit.
        log: whether its scale is logarithmic.
        whole: whether only whole numbers are ticks.
        span: the ends of a vertical axis; None: as the values need.
    """

    title: str
    log: bool = False
    whole: bool = False
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Series:
    """Values that belong together.

    Attributes:
        name: what the legend calls them; empty: not in the legend.
        x: numbers, or names of categories.
        y: as many numbers.
        color: as `#RRGGBB`.
        marker: shape of the marks; None: a line without marks.
        filled: whether the marks are filled; of a pair, the hollow one is the baseline.
        line: how marks are joined; `steps` stays level until the next mark.
        hatch: pattern of bars, so that they differ in grey too.
        spread: half the length of error bars; None: none.
        notes: a text for each point, besides its values.
    """

    name: str
    x: Sequence[float] | Sequence[str]
    y: Sequence[float]
    color: str
    marker: str | None = None
    filled: bool = True
    line: Literal["none", "solid", "dashed", "dotted", "steps"] = "none"
    hatch: str = ""
    spread: Sequence[float] | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: above it.
        x: horizontal axis.
        y: vertical axis.
        series: what is drawn.
        bars: whether as grouped bars.
        level: name and height of a horizontal reference line.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    bars: bool = False
    level: tuple[str, float] | None = None


@dataclass(frozen=True)
class Matrix:
    """A panel of counts by row and column, shaded by their share of the row."""

    title: str
    labels: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Chart:
    """Panels side by side.

    Attributes:
        name: of the image's file, without ending.
        title: the heading.
        caption: how to read it, in a sentence or two.
        panels: at least one.
    """

    name: str
    title: str
    caption: str
    panels: Sequence[Panel | Matrix]

    @property
    def legend(self) -> list[Series]:
        """One series of each name, over all panels."""
        series = [one for panel in self.panels if isinstance(panel, Panel) for one in panel.series if one.name]
        return list({one.name: one for one in reversed(series)}.values())[::-1]

    def csv(self) -> str:
        """All that is drawn, a row for each point or cell."""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(["panel", "series", "x", "y", "spread"])
        for panel in self.panels:
            if isinstance(panel, Matrix):
                for label, counts in zip(panel.labels, panel.counts, strict=True):
                    cells = zip(panel.labels, counts, strict=True)
                    writer.writerows([panel.title, label, other, count, ""] for other, count in cells)
                continue
            for series in panel.series:
                spreads: Sequence[float | str] = series.spread or [""] * len(series.y)
                points = zip(series.x, series.y, spreads, strict=True)
                writer.writerows([panel.title, series.name, *point] for point in points)
        return written.getvalue()


@dataclass(frozen=True)
class Table:
    """Rows of text; a cell that a row lacks is empty.

    Attributes:
        title: the heading.
        caption: how to read it.
        rows: cells by column.
    """

    title: str
    caption: str
    rows: Sequence[dict[str, str]]

    @property
    def columns(self) -> list[str]:
        """The columns of all rows, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def markdown(self) -> str:
        """The table without title and caption, in Markdown."""
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[row.get(name, "").replace("|", r"\|") for name in self.columns] for row in self.rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
