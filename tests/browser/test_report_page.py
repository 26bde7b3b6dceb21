from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdops.steps.report import report
from kdops.steps.report_config import ReportConfig

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_every_figure_is_drawn_offline_at_any_width(store: str, tmp_path: Path, browser: "Browser") -> None:
    made = report(ReportConfig(output=tmp_path / "report"))
    assert made.page.stat().st_size < 3e6
    for width in (1280, 390):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message, wrong=wrong: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))
        page.goto(made.page.as_uri())
        plots = page.locator(".js-plotly-plot")
        plots.nth(19).wait_for()
        assert plots.count() == 20
        for plot in plots.all():
            plot.locator(".trace, .heatmaplayer").first.wait_for(state="attached")
            box = plot.locator(".main-svg").first.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["width"] > 250
        marks = page.locator(".trace .point, .heatmaplayer image")
        assert marks.count() > 60
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert wrong == []
        context.close()
