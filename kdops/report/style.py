"""Colours that colour-blind people can tell apart, and shapes and patterns that do without colour.

The colours are those of Okabe and Ito, "Color Universal Design" (https://jfly.uni-koeln.de/color/, 2008).
"""

from dataclasses import dataclass

from kdops.models import student_kinds
from kdops.training import recipes

BLACK, GREY, WHITE = "#000000", "#7F7F7F", "#FFFFFF"
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE = "#D55E00", "#CC79A7"

BASELINE = "baseline"
TEACHER = "teacher"
VANILLA = "vanilla"


@dataclass(frozen=True)
class Mark:
    """How a student looks wherever it is drawn."""

    color: str
    shape: str


@dataclass(frozen=True)
class Fill:
    """How the bars of a recipe look; `hatch` is a pattern that both matplotlib and plotly know, or empty."""

    color: str
    hatch: str


_MARKS = (
    Mark(BLUE, "circle"),
    Mark(VERMILION, "square"),
    Mark(GREEN, "diamond"),
    Mark(PURPLE, "triangle-up"),
    Mark(ORANGE, "triangle-down"),
    Mark(SKY, "cross"),
)
STUDENTS = dict(zip(student_kinds.STUDENTS, _MARKS, strict=False))
TEACHER_MARK = Mark(BLACK, "x")
_FILLS = (
    Fill(SKY, "/"),
    Fill(ORANGE, "."),
    Fill(GREEN, "x"),
    Fill(BLUE, ""),
    Fill(PURPLE, "-"),
    Fill(VERMILION, "|"),
    Fill(SKY, "+"),
    Fill(ORANGE, "\\"),
)
RECIPES = {BASELINE: Fill(WHITE, "")} | dict(
    zip((name for name in recipes.RECIPES if name != VANILLA), _FILLS, strict=False)
)
