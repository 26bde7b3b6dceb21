"""One page of HTML that needs nothing else: tables, and charts drawn by plotly, whose javascript is in it, packed."""

import base64
import datetime
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, tables, charts, and what is to be known of all of them."""

    title: str
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
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
    return environment.get_template("page.html.jinja").render(
        title=title,
        sections=sections,
        plotly=base64.b64encode(gzip.compress(get_plotlyjs().encode(), compresslevel=6)).decode(),
        written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


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
        legend={"orientation": "h", "yanchor": "top", "y": -0.25, "font": {"size": 11}},
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
    figure.update_xaxes(**_axis(panel.x), tickangle=-90 if many else None)
    figure.update_yaxes(**_axis(panel.y))
    if panel.x.whole:
        last = max((float(x) for series in panel.series for x in series.x), default=0.0)
        figure.update_xaxes(dtick=ceil(last / _MANY) or 1)
    return figure


def _axis(axis: Axis) -> dict[str, object]:
    return {
        "title": {"text": axis.title},
        "type": "log" if axis.log else None,
        "dtick": "D2" if axis.log else None,  # 1, 2, 5, 10
        "range": axis.span,
        "showgrid": True,
        "gridcolor": _GRID,
        "automargin": True,
    }


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
