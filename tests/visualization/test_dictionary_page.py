"""The page of a dictionary: escaped names, the poses as data, no network."""

import base64
import json
import re

import numpy as np
import pytest

from masa_mm.visualization.dictionary_page import Card, write_page
from masa_mm.visualization.skeleton import assemble

NASTY = """</script><b>"&'é"""


def card(gloss="book", seed=0, score=1.0, num_frames=32):
    rng = np.random.default_rng(seed)
    keypoint = rng.random((num_frames, 49, 2)).astype(np.float32)
    return Card(gloss, keypoint, np.full((num_frames, 49), score, np.float32), 4 / 3, 2)


def frames_of(page):
    """The poses of a page, uint8 [T, 49, 2] each."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1]
    data = json.loads(text)
    decoded = [base64.b64decode(frames) for frames in data["frames"]]
    return data, [np.frombuffer(each, np.uint8).reshape(-1, 49, 2) for each in decoded]


def write(tmp_path, *cards, title="Signs"):
    write_page(tmp_path / "page.html", title, cards)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_names_are_escaped(tmp_path):
    page = write(tmp_path, card(NASTY), title=NASTY)
    assert NASTY not in page and "<b>" not in page
    assert page.count("&lt;/script&gt;&lt;b&gt;&#34;&amp;&#39;é") == 5  # title twice, a card thrice
    assert page.count("<article") == 1 and "2 examples" in page


def test_the_page_needs_no_other_file(tmp_path):
    page = write(tmp_path, card())
    assert not re.search(r"https?:|src=|<link|@import|fetch\(", page)


def test_the_data_are_the_poses(tmp_path):
    one, other = card(), card(seed=1, num_frames=5)
    other.score[2, :21] = 0
    data, (first, second) = frames_of(write(tmp_path, one, other))
    assert len(first) == 32 and len(second) == 5
    assert (second[2, :21] == 255).all() and (second[2, 21:] != 255).all()
    for frames, each in ((first, one), (second, other)):
        whole, shown = assemble(each.keypoint, each.score, each.aspect)
        # Equal up to one shift and one scale, as a picture is.
        points, places = whole[shown > 0], frames[shown > 0].astype(float)
        points, places = points - points.mean(0), places - places.mean(0)
        scale = (points * places).sum() / (points**2).sum()
        np.testing.assert_allclose(places, scale * points, atol=1.5)
    joints = {joint for part in data["lines"] for pair in part["pairs"] for joint in pair}
    assert joints == set(range(49)) - {42}  # the head is a dot


@pytest.mark.parametrize("body", [0.0, 1.0])
def test_hands_without_a_body_are_shown(tmp_path, body):
    each = card()
    each.score[:, 42:] = body
    _, (frames,) = frames_of(write(tmp_path, each))
    assert (frames[:, :42] != 255).all()
