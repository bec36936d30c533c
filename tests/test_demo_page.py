import io
import socket
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import demo_page
from tests.headless import open_browser
from tests.utils.profiles import PROFILES, shown
from utils.errors import InputError
from utils.images import write_image

BOUNDARY = "part"


def fake_predictor(photos, bits=None):
    """The red channel is the alpha."""
    reds = [photo[..., 0] for photo in photos]
    return [
        SimpleNamespace(alpha=red / np.float32(255), trimap=np.full_like(red, 128)) for red in reds
    ]


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("gradio", reason="gradio is optional: requirements-page.txt")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_page, "MAX_PIXELS", 5000)
        patch.setattr(demo_page, "MAX_UPLOAD", 2**20)
        page = demo_page.build_page(fake_predictor, "a fake")
        demo_page.launch(page, "127.0.0.1", port, prevent_thread_lock=True, quiet=True)
        yield f"http://127.0.0.1:{port}"
        page.close()


@pytest.fixture
def photo(tmp_path):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:30, 20:40] = (255, 120, 60)
    write_image(tmp_path / "me.png", picture)
    return tmp_path / "me.png"


def test_the_page_shows_colours_as_srgb(tmp_path):
    Image.new("RGB", (32, 24), (220, 40, 40)).save(tmp_path / "a.png", icc_profile=PROFILES["P3"])

    def predictor(photos, bits=None):
        return [SimpleNamespace(alpha=np.ones((24, 32), np.float32))]

    photo, layers = demo_page.make_layers(predictor, tmp_path / "a.png", "white")
    wanted = shown(Image.open(tmp_path / "a.png"))
    for picture in (photo, layers["cutout"][..., :3], layers["composite"]):
        assert np.abs(picture - wanted).max() <= 2


def test_a_photo_becomes_alpha_cutout_and_composite(address, photo):
    with open_browser() as browser:
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(browser, 60, 0.1)

        def upload(path):
            wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "input[type=file]"))
            browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(path))

        def pictures():
            """Sources of the pictures shown: upload, the slider's two, alpha, cut-out."""
            script = "return [...document.images].map(i => i.src).filter(s => s.includes('file='))"
            return browser.execute_script(script)

        def pixel(source, row, column):
            with urllib.request.urlopen(source) as answer:
                return np.asarray(Image.open(io.BytesIO(answer.read())))[row, column].tolist()

        browser.get(address)
        upload(photo)
        wait.until(lambda _: len(pictures()) == 5)
        _, before, after, alpha, cutout = pictures()
        assert pixel(before, 0, 0) == [0, 0, 0] and pixel(after, 0, 0) == [0, 128, 0]
        assert pixel(after, 20, 30) == [255, 120, 60]
        assert pixel(cutout, 20, 30) == [255, 120, 60, 255] and pixel(cutout, 0, 0)[3] == 0
        assert np.max(pixel(alpha, 20, 30)) == 255

        browser.find_element(By.CSS_SELECTOR, "input[type=radio][value=white]").click()
        wait.until(lambda _: pictures()[2] != after)
        assert pixel(pictures()[2], 0, 0) == [255, 255, 255]

        write_image(photo.parent / "large.png", np.zeros((80, 80, 3), np.uint8))
        browser.get(address)
        upload(photo.parent / "large.png")
        wait.until(lambda b: "80x80 pixels; at most 5000" in b.page_source)
        assert "/tmp" not in browser.find_element(By.TAG_NAME, "body").text
        outside = [
            url
            for url in browser.execute_script(
                "return performance.getEntriesByType('resource').map(e => e.name)"
            )
            if not url.startswith((address, "data:", "blob:"))
        ]
        assert not outside


def test_too_large_an_upload_is_refused(address):
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    ).encode()
    body += bytes(2**20 + 1000) + f"\r\n--{BOUNDARY}--\r\n".encode()
    request = urllib.request.Request(
        f"{address}/gradio_api/upload",
        body,
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(request)


def test_only_this_machine_is_served_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr("sys.argv", ["demo_page.py"])
    assert demo_page.parse_args().host == "127.0.0.1"


def test_a_background_is_never_a_path_of_the_server(photo):
    with pytest.raises(InputError, match="none of green"):
        demo_page.make_layers(fake_predictor, photo, str(photo))


def test_a_port_in_use_or_out_of_range_is_one_sentence(address):
    page = demo_page.build_page(fake_predictor, "a fake")
    for port in (int(address.rsplit(":", 1)[1]), 99999):
        with pytest.raises(InputError, match="can't be listened on"):
            demo_page.launch(page, "127.0.0.1", port, quiet=True)
