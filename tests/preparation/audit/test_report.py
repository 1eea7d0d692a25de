"""All checks together; the page holds everything, the JSON the same numbers."""

import json
import re
from html.parser import HTMLParser

import pytest

from masa_mm.preparation.audit import audit, official_parts, write_report

from toys.audit_toys import clips_of, smooth_clip

NASTY = "<script src='http://evil'></script>"


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data + " "


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """An audit of two stores with a copy across them and names that are no names."""
    folder = tmp_path_factory.mktemp("audit")
    glosses = [NASTY, "drink", "computer"]
    signers = [0, 1, 2]
    clips = clips_of(
        folder,
        dict(clips=[smooth_clip(n, 12) for n in range(3)], glosses=glosses, signers=signers),
        dict(clips=[smooth_clip(0, 12), smooth_clip(7, 15)], glosses=glosses, ids=[NASTY, "v"]),
    )
    (folder / "nslt_100.json").write_text(
        json.dumps({"train0": dict(subset="train", action=[0, 1, 2])})
    )
    official = official_parts(clips, "wlasl", [str(folder / "nslt_100.json")])
    found = audit(clips, official, num_samples=2)
    written = write_report(clips, found, folder / "out" / "deep")
    return found, written


def test_the_json_has_the_same_numbers(reported):
    found, written = reported
    assert json.loads(written.data.read_text()) == json.loads(json.dumps(found))


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(reported):
    page = Page(reported[1].page.read_text())
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "base"})
    pictures = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) >= 8 and all(s.startswith("data:image/png;base64,") for s in pictures)
    links = [a["href"] for tag, a in page.tags if tag == "a"]
    places = {f"#{a['id']}" for tag, a in page.tags if "id" in a}
    assert links and set(links) <= places
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert NASTY in page.text  # as text, in full


def test_the_page_says_what_was_found(reported):
    text = re.sub(r"\s+", " ", Page(reported[1].page.read_text()).text)
    for words in (
        "Audit of 5 clips, 63 frames",
        "1 group of identical clips with 2 clips; no group across labels, 1 across splits",
        "WLASL100: 1 of 1 train clips",
        "No signer is in two splits",
        "2 clips drawn at random (seed 0)",
        "No bad clip, no repeated id",
    ):
        assert words in text


def test_a_splits_name_is_no_formula(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(0, 5)], signers=[1], split=r"$\no$"))
    text = write_report(clips, audit(clips, num_samples=0), tmp_path).page.read_text()
    assert r"$\no$: 5 to 5 frames" in text


def test_without_official_lists_there_is_no_section_of_them(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(0, 5)], labels=[-1], glosses=[]))
    written = write_report(clips, audit(clips, num_samples=0), tmp_path)
    text = written.page.read_text()
    assert "Official lists" not in text and "Class balance" in text
    assert sorted(path.name for path in tmp_path.iterdir() if "audit" in path.name) == [
        "audit.html",
        "audit.json",
    ]


def test_every_check_is_run_and_named(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(n, 12) for n in (0, 0, 1)]))
    official = {"train0": dict(subset="train", action=[0, 1, 2])}
    (tmp_path / "nslt_100.json").write_text(json.dumps(official))
    parts = official_parts(clips, "wlasl", [str(tmp_path / "nslt_100.json")])
    steps = []
    found = audit(clips, parts, num_samples=2, progress=steps.append)
    assert list(found) == ["stores", *steps] and len(steps) == 12
    assert found["identical"]["num_groups"] == 1 and len(found["samples"]["numbers"]) == 2
    assert found["coverage"][0]["coverage"] == "WLASL100: 1 of 1 official train clips"
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_an_audit_repeats_itself(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(n, 12) for n in range(4)]))
    assert audit(clips, seed=5) == audit(clips, seed=5)
