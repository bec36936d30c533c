"""The report page in a real browser: sorted, lazy, draggable, and nothing from outside."""

import re

import numpy as np
import pytest

from tests.headless import open_browser
from utils.metrics import COLUMNS
from utils.results.page import write_report
from utils.results.rows import Row
from utils.results.thumbnails import make_thumbnails

NASTY = "</script><b>{{settings}}"  # what a file name may hold


def make_rows(count):
    """Image i has the score i in every metric but GRAD, where it has -i."""
    alpha = np.linspace(0, 255, 48 * 64).reshape(48, 64).astype(np.uint8)
    pictures = make_thumbnails(np.repeat(alpha[..., None], 3, axis=2), alpha, 255 - alpha)
    return [
        Row(f"image{i}", {c: float(-i if c == "GRAD" else i) for c in COLUMNS}, extra=pictures)
        for i in range(count)
    ]


def test_page_is_self_contained_and_escaped(tmp_path):
    path = tmp_path / "report.html"
    rows = [*make_rows(2), Row(NASTY, error="<i>broken</i>")]
    rows.append(Row(NASTY, rows[0].scores, extra=rows[0].extra))
    write_report(path, "a <title>", rows, {"checkpoint": "<x>", "max_area": None})
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=|url\(|https?:|@import", page.replace("//", "/"))
    assert "a &lt;title&gt;" in page
    assert "1 of 4 images could not be measured" in page
    assert "&lt;i&gt;broken" in page
    assert page.count("</script>") == 2
    assert "<dd>none</dd>" in page


def test_nothing_measured_still_gives_a_page(tmp_path):
    write_report(tmp_path / "report.html", "x", [Row("a", error="broken")], {})
    assert "1 of 1 images" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, tmp_path):
    path = tmp_path / "report.html"
    rows = [*make_rows(60), Row("lost", error="no prediction")]
    rows.append(Row(NASTY, dict.fromkeys(COLUMNS, 30.5), extra=rows[0].extra))
    write_report(path, "Test", rows, {})
    browser.get(path.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def names(page):
    script = "return [...document.querySelectorAll('.card h3')].map(h => h.firstChild.data)"
    return page.execute_script(script)


def wait(page, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(page, 10).until(lambda page: page.execute_script("return " + condition))


def test_gallery_shows_the_worst_first_and_loads_lazily(page):
    shown = names(page)
    assert shown[0] == "1. image59"
    assert shown[-1] == "61. image0"
    assert shown[29] == f"30. {NASTY}"
    loaded = "document.querySelectorAll('.card')[{}].querySelectorAll('img').length"
    wait(page, loaded.format(0) + " == 6")
    wait(page, "[...document.images].every(i => i.complete && i.naturalWidth == 64)")
    assert page.execute_script("return " + loaded.format(60)) == 0
    page.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    wait(page, loaded.format(60) + " == 6")


def test_sorting_and_filter(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    Select(page.find_element(By.ID, "metric")).select_by_visible_text("GRAD")
    assert names(page)[0] == f"1. {NASTY}"
    assert names(page)[1] == "2. image0"
    page.find_element(By.ID, "filter").send_keys("IMAGE1")
    assert len(names(page)) == 11
    assert page.find_element(By.ID, "shown").text == "11 of 61 images"
    assert "lost: no prediction" in page.find_element(By.CLASS_NAME, "failed").text
    assert len(page.find_elements(By.CSS_SELECTOR, ".histograms svg")) == len(COLUMNS)


def test_slider_is_dragged(page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    wait(page, "document.querySelector('.slider') != null")
    slider = page.find_element(By.CSS_SELECTOR, ".slider input")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
    cut = "parseFloat(getComputedStyle(document.querySelector('.slider i')).left)"
    before = wait(page, cut)
    ActionChains(page).drag_and_drop_by_offset(slider, 20, 0).perform()
    after = wait(page, cut)
    assert after - before == pytest.approx(20, abs=3)
    clip = "getComputedStyle(document.querySelector('.slider .after')).clipPath"
    assert "inset" in wait(page, clip)
