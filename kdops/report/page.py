"""One page of HTML that needs nothing else: tables, and charts drawn by plotly, whose javascript is in it, packed."""

import base64
import datetime
import gzip
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from kdops.report.chart import Axis, Chart, Matrix, Panel, Series, Table

_SYMBOLS = {"x": "x-thin"}
_DASHES = {"none": None, "solid": "solid", "dashed": "dash", "dotted": "dot", "steps": "solid"}
_MANY = 8
_HEIGHT_PX = 420
_GRID = "#D9D9D9"
_MOST_DECADES = 3
_CHARACTERS = {
    "circle": ("●", "○"),
    "square": ("■", "□"),
    "diamond": ("◆", "◇"),
    "triangle-up": ("▲", "△"),
    "triangle-down": ("▼", "▽"),
    "cross": ("✚", "✛"),
    "x": ("✕", "✕"),
}


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: the heading.
        verdicts: the findings, a sentence each.
        tables: of few columns.
        charts: with their data as CSV.
        folded: tables that open on a click, below everything else.
        links: addresses of runs by their names.
        note: a remark on the whole section.
    """

    title: str
    verdicts: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    folded: Sequence[Table] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def render(title: str, sections: Sequence[Section]) -> str:
    """The page.

    Args:
        title: its heading.
        sections: its parts, in order.
    """
    environment = Environment(
        loader=PackageLoader("kdops.report", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["draw"] = _html
    environment.filters["mark"] = _mark
    environment.filters["download"] = _download
    return environment.get_template("page.html.jinja").render(
        title=title,
        sections=sections,
        plotly=base64.b64encode(gzip.compress(get_plotlyjs().encode(), compresslevel=6)).decode(),
        written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _download(chart: Chart) -> str:
    """The data of a chart as a data URL, for download."""
    return f"data:text/csv;base64,{base64.b64encode(chart.csv().encode()).decode()}"


def _mark(series: Series) -> str:
    """How a series looks, as a character."""
    filled, hollow = _CHARACTERS[series.marker] if series.marker else ("▬", "▬")
    return filled if series.filled else hollow


def _html(panel: Panel | Matrix) -> str:
    html: str = to_html(
        draw(panel),
        full_html=False,
        include_plotlyjs=False,
        default_height=f"{_HEIGHT_PX}px",
        config={"responsive": True, "displaylogo": False},
    )
    return html


def draw(panel: Panel | Matrix) -> go.Figure:
    """Draw one panel."""
    figure = _matrix(panel) if isinstance(panel, Matrix) else _panel(panel)
    return figure.update_layout(
        title={"text": panel.title, "font": {"size": 15}},
        template="simple_white",
        margin={"l": 10, "r": 10, "t": 45, "b": 10},
        showlegend=False,  # one for all panels stands above them
        font={"size": 12},
    )


def _literal(values: Sequence[float] | Sequence[str]) -> list[float | str]:
    """Names without the bits of HTML that plotly would take for bold type or a line break."""
    return [escape(value, quote=False) if isinstance(value, str) else value for value in values]


def _panel(panel: Panel) -> go.Figure:
    figure = go.Figure([_bars(series) if panel.bars else _marks(series) for series in panel.series])
    if panel.level:
        name, height = panel.level
        figure.add_hline(y=height, line={"dash": "dash", "color": "black", "width": 1}, annotation={"text": name})
    many = len({x for series in panel.series for x in series.x if isinstance(x, str)}) > _MANY
    across = [float(x) for series in panel.series for x in series.x if not isinstance(x, str)]
    figure.update_xaxes(**_axis(panel.x, across), tickangle=-90 if many else None)
    figure.update_yaxes(**_axis(panel.y, [y for series in panel.series for y in series.y]))
    if panel.x.whole:
        last = max((float(x) for series in panel.series for x in series.x), default=0.0)
        figure.update_xaxes(dtick=ceil(last / _MANY) or 1)
    return figure


def _axis(axis: Axis, values: Sequence[float]) -> dict[str, object]:
    ticks = log_ticks(values) if axis.log else []
    return {
        "title": {"text": axis.title},
        "type": "log" if axis.log else None,
        "tickvals": ticks or None,
        "ticktext": [f"{tick:g}" for tick in ticks] or None,
        "range": axis.span,
        "showgrid": True,
        "gridcolor": _GRID,
        "automargin": True,
    }


def log_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers around and between values on a logarithmic axis: 1, 2, 5, 10, or powers of ten where that is many.

    Args:
        values: those that are not positive are left out.
    """
    drawn = [value for value in values if value > 0]
    if not drawn:
        return []
    low, high = math.floor(math.log10(min(drawn))), math.ceil(math.log10(max(drawn)))
    steps = (1, 2, 5) if high - low <= _MOST_DECADES else (1,)
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    below = [tick for tick in ticks if tick <= min(drawn)][-1:]
    above = [tick for tick in ticks if tick >= max(drawn)][:1]
    return sorted({*below, *above, *(tick for tick in ticks if min(drawn) <= tick <= max(drawn))})


def _bars(series: Series) -> go.Bar:
    return go.Bar(
        x=_literal(series.x),
        y=series.y,
        name=series.name,
        error_y={"array": series.spread} if series.spread else None,
        marker={
            "color": series.color,
            "line": {"color": "black", "width": 1},
            "pattern": {"shape": series.hatch, "fgcolor": "black", "size": 6},
        },
        customdata=series.notes or None,
        hovertemplate=_hover(series),
    )


def _marks(series: Series) -> go.Scatter:
    symbol = _SYMBOLS.get(series.marker or "", series.marker)
    modes = ["lines"] * (series.line != "none") + ["markers"] * (series.marker is not None)
    return go.Scatter(
        x=_literal(series.x),
        y=series.y,
        name=series.name,
        showlegend=bool(series.name),
        mode="+".join(modes),
        error_y={"array": series.spread} if series.spread else None,
        line={"color": series.color, "dash": _DASHES[series.line], "shape": "hv" if series.line == "steps" else None},
        marker={
            "symbol": symbol,
            "size": 11,
            "color": series.color if series.filled else "white",
            "line": {"color": series.color, "width": 2},
        },
        customdata=series.notes or None,
        hovertemplate=_hover(series),
    )


def _hover(series: Series) -> str:
    return "%{x}<br>%{y:.4f}" + ("<br>%{customdata}" if series.notes else "")


def _matrix(matrix: Matrix) -> go.Figure:
    shares = [[count / max(sum(row), 1) for count in row] for row in matrix.counts]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=_literal(matrix.labels),
            y=_literal(matrix.labels),
            text=matrix.counts,
            texttemplate="%{text}" if len(matrix.labels) <= _MANY else None,
            colorscale="Greys",
            zmin=0,
            zmax=1,
            colorbar={"title": {"text": "share of gold"}, "thickness": 12},
            hovertemplate="gold %{y}<br>predicted %{x}<br>%{text} times<extra></extra>",
        )
    )
    figure.update_xaxes(title="predicted", type="category", automargin=True)
    figure.update_yaxes(title="gold", type="category", autorange="reversed", automargin=True)
    return figure
