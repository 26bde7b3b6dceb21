"""Colours that colour-blind people can tell apart, and shapes and patterns that do without colour.

The colours are those of Okabe and Ito, "Color Universal Design" (https://jfly.uni-koeln.de/color/, 2008).
"""

from dataclasses import dataclass

BLACK, GREY, WHITE = "#000000", "#7F7F7F", "#FFFFFF"
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE = "#D55E00", "#CC79A7"

ALONE = "alone"
TEACHER = "teacher"
VANILLA = "vanilla"


@dataclass(frozen=True)
class Mark:
    """How a student looks wherever it is drawn."""

    color: str
    shape: str


@dataclass(frozen=True)
class Fill:
    """How the bars of a recipe look; `hatch` is one of `""`, `/`, `x`, `.`, `-`."""

    color: str
    hatch: str


STUDENTS = {
    "bilstm": Mark(BLUE, "circle"),
    "cnn": Mark(VERMILION, "square"),
    "bert-tiny": Mark(GREEN, "diamond"),
    "bert-mini": Mark(PURPLE, "triangle-up"),
    "bert-small": Mark(ORANGE, "triangle-down"),
}
TEACHER_MARK = Mark(BLACK, "x")
RECIPES = {
    ALONE: Fill(WHITE, ""),
    "kd": Fill(SKY, "/"),
    "kd-unlabeled": Fill(ORANGE, "."),
    "kd-unlabeled-fasttext": Fill(GREEN, "x"),
    "kd-unlabeled-teacher": Fill(BLUE, ""),
}
