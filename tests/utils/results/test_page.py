"""The report page in a real browser: sorted, lazy, and nothing from outside."""

import base64
import re

import cv2
import numpy as np
import pytest

from tests.headless import open_browser
from utils.metrics import COLUMNS
from utils.results.page import (
    COMPOSITE_COLOUR,
    SIDE,
    error_map,
    make_thumbnails,
    write_report,
)
from utils.results.rows import Row

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
    assert "&quot;max_area&quot;: null" in page and "&lt;x&gt;" in page


def test_nothing_measured_still_gives_a_page(tmp_path):
    write_report(tmp_path / "report.html", "x", [Row("caf\udce9", error="broken")], {})
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
    wait(page, loaded.format(0) + " == 5")
    wait(page, "[...document.images].every(i => i.complete && i.naturalWidth == 64)")
    assert page.execute_script("return " + loaded.format(60)) == 0
    page.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    wait(page, loaded.format(60) + " == 5")


def test_sorting(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    Select(page.find_element(By.ID, "metric")).select_by_visible_text("GRAD")
    assert names(page)[0] == f"1. {NASTY}"
    assert names(page)[1] == "2. image0"
    assert "lost: no prediction" in page.find_element(By.CLASS_NAME, "failed").text
    assert len(page.find_elements(By.CSS_SELECTOR, ".histograms svg")) == len(COLUMNS)


def decode(text):
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
    return picture[..., ::-1].astype(int)


def test_error_map_has_the_sign_of_the_error():
    too_much = np.array([[0, 255, 0, 4, 0, 128]], np.uint8)
    too_little = np.array([[255, 0, 0, 0, 4, 128]], np.uint8)
    picture = error_map(too_much, too_little)[0].astype(int)
    too_little, too_much, none, little_more, little_less, both = picture
    assert tuple(none) == (255, 255, 255)
    assert too_much[0] > 150 > too_much[2]
    assert too_little[2] > 150 > too_little[0]
    assert both.max() < 160
    assert little_more[0] > little_more[2]
    assert little_less[2] > little_less[0]


def test_thumbnails_are_small_and_right():
    image = np.full((600, 900, 3), (200, 40, 40), np.uint8)
    true = np.zeros((600, 900), np.uint8)
    true[:, 450:] = 255
    made = make_thumbnails(image, true, true)
    assert made["thumbnail_size"] == [round(SIDE * 2 / 3), SIDE]
    pictures = {name: decode(text) for name, text in made["thumbnails"].items()}
    assert {picture.shape[:2] for picture in pictures.values()} == {tuple(made["thumbnail_size"])}
    left, right = (80, 40), (80, 220)
    assert np.abs(pictures["photo"][left] - (200, 40, 40)).max() < 8
    assert np.abs(pictures["composite"][left] - COMPOSITE_COLOUR).max() < 8
    assert np.abs(pictures["composite"][right] - (200, 40, 40)).max() < 8
    assert pictures["result"][left].max() < 8
    assert pictures["result"][right].min() > 247
    assert pictures["error"].min() > 247  # a perfect result is white
    worse = decode(make_thumbnails(image, true, 255 - true)["thumbnails"]["error"])
    assert worse[left][0] > worse[left][2]  # too much on the left, too little on the right
    assert worse[right][2] > worse[right][0]


def test_one_pixel_works():
    made = make_thumbnails(
        *(np.zeros(shape, np.uint8) for shape in ((1, 900, 3), (1, 900), (1, 900)))
    )
    assert made["thumbnail_size"] == [1, SIDE]
