"""The report's small pictures show what they say."""

import base64

import cv2
import numpy as np

from utils.results.thumbnails import COMPOSITE_COLOUR, SIDE, error_map, make_thumbnails


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
