import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from finished_runs import HOSTILE
from PIL import Image

from kdops.report.image import save_image
from kdops.report.indonlu import indonlu_scores, indonlu_table
from kdops.report.page import log_ticks, render
from kdops.report.sections import sections
from kdops.report.study import study_scores, study_table
from kdops.report.tables import dataset_table
from kdops.tracking.results import read_results


class _Links(HTMLParser):
    """The addresses that a page would fetch, and its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_is_one_file_and_harmless_names_stay_text(store: str) -> None:
    page = render("Which student is best?", list(sections(read_results())))
    parser = _Links()
    parser.feed(page)
    # Links to runs are followed, not fetched.
    inside = ("#", "data:", "http://127.0.0.1:5000/#/experiments/")
    assert [link for link in parser.fetched if not link.startswith(inside)] == []
    assert "b" not in parser.tags
    assert page.count('class="plotly-graph-div"') == 1 * 2 + (3 + 1 + 1 + 1 + 2 + 2) + (3 + 1 + 2 + 2)
    assert "a &lt;/script&gt;&lt;b&gt;&#39;set&#39;" in page


def test_it_begins_with_the_verdict_and_ends_with_the_budget(store: str) -> None:
    page = render("Which student is best?", list(sections(read_results(["emot"]))))
    places = [
        page.index(part) for part in ("bilstm int8 by kd-unlabeled is the best of", "<h2>emot", "<summary>Budget")
    ]
    assert places == sorted(places)
    assert places[2] > page.rindex("<figure>")


def test_the_data_of_each_figure_is_there(store: str) -> None:
    (part,) = sections(read_results(["emot"]))
    pareto = part.charts[0]
    rows = pareto.csv().splitlines()
    assert rows[0] == "panel,series,x,y,spread"
    assert 'F1 and latency,"bilstm int8, kd-unlabeled",1.0,0.81,' in rows
    assert [series.name for series in pareto.legend].count("teacher") == 1
    page = render("Which student is best?", [part])
    assert page.count('<a download="') == len(part.charts)
    assert "data:text/csv;base64," in page


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.18, 0.33], [0.1, 0.2, 0.5]),
        ([1.0, 40.0], [1, 2, 5, 10, 20, 50]),
        ([0.02, 3000.0], [0.01, 0.1, 1, 10, 100, 1000, 10000]),
        ([0.0], []),
    ],
)
def test_ticks_of_log_axes_are_round_numbers_around_the_values(values: list[float], ticks: list[float]) -> None:
    assert log_ticks(values) == pytest.approx(ticks)


def test_images_are_named_by_what_files_may_be_called(store: str, tmp_path: Path) -> None:
    parts = [part for part in sections(read_results()) if part.title == HOSTILE]
    paths = [save_image(chart, tmp_path, prefix=part.title) for part in parts for chart in part.charts]
    assert {path.parent for path in paths} == {tmp_path}
    assert all(re.fullmatch(r"[\w.-]+\.png", path.name) for path in paths)
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 300


def test_tables_say_what_the_runs_say(store: str) -> None:
    table = dataset_table(read_results(["emot"]))
    rows = {(row["student"], row["recipe"]): row for row in table.rows}
    assert rows["teacher", ""]["test F1"] == "0.900"
    assert rows["bilstm", "kd-unlabeled"]["test F1"] == "0.810"
    assert rows["bilstm", "kd-unlabeled"]["of the teacher"] == "90.0%"
    assert rows["cnn", "kd"]["baseline, test F1"] == "0.600"
    assert rows["cnn", "kd"]["gain, points"] == "+10.0"
    assert (rows["cnn", "kd"]["precision"], rows["teacher", ""]["precision"]) == ("int8", "")
    assert table.markdown().splitlines()[0].startswith("| student | recipe | precision | seeds |")


def test_the_study_stands_beside_ours(store: str) -> None:
    published = study_scores()
    assert len(published) == 8 * (1 + 5 * 5)
    found = published[(published["dataset"] == "emot") & (published["student"] == "bilstm")]
    assert dict(zip(found["recipe"], found["f1_macro"], strict=True))["kd"] == 66.72
    (table,) = study_table(read_results(["emot"]))
    rows = {row["student"]: row for row in table.rows}
    assert rows["teacher"]["fine-tuned"] == "72.30 / 90.00"
    assert rows["bilstm"]["kd"] == "66.72 / 80.00"
    assert rows["bilstm"]["baseline"] == "55.96 / 71.00"
    assert rows["cnn"]["kd-unlabeled"].endswith(" / -")
    assert "2201.00558" in table.caption
    assert list(study_table(read_results([HOSTILE]))) == []


def test_indonlu_stands_beside_ours(store: str) -> None:
    published = indonlu_scores()
    assert published.shape == (12, 6)
    assert published.loc["nergrit", "indobert-base-p1"] == 69.87
    (row,) = indonlu_table(read_results()).rows
    assert (row["data set"], row["teacher"], row["bilstm"]) == ("emot", "90.00", "81.00")
    assert (row["indobert-base-p1"], row["mbert"]) == ("75.48", "67.30")
