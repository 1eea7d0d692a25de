"""The readers of official lists: what each says of a clip."""

import gzip
import json

import pytest

from masa_mm.datasets.official_clip import Box, FrameRange, OfficialClip
from masa_mm.datasets.official_lists import ListError, read_msasl, read_rows, read_wlasl, youtube_id

from toys.paths import SHARED

METADATA = SHARED / "data" / "metadata"
needs_data = pytest.mark.skipif(not METADATA.exists(), reason="../shared/data is not here")


def dump(path, content):
    path.write_text(json.dumps(content))
    return path


def test_wlasl_v03_tells_frames_box_and_signer(tmp_path):
    """Frames from 1, the last included, at 25 a second; -1 is the video's end."""
    common = dict(split="train", bbox=[1, 2, 30, 40], fps=25, signer_id=7)
    youtube = "https://www.youtube.com/watch?v=abc"
    instances = [
        dict(video_id="01", frame_start=1, frame_end=-1, url="http://x.org/1.mp4", **common),
        dict(video_id="02", frame_start=11, frame_end=20, url=youtube, **common),
        dict(video_id="03", frame_start=11, frame_end=-1, url=youtube, **common),
        dict(video_id="04", split="val"),
    ]
    clips = read_wlasl(dump(tmp_path / "v.json", [dict(gloss="a", instances=instances)])).clips
    box = Box(1, 2, 30, 40)
    assert clips == [
        OfficialClip("01", "train", 0, 7, (), None, box),
        OfficialClip("02", "train", 0, 7, ("abc",), FrameRange(10, 20, 25), box),
        OfficialClip("03", "train", 0, 7, ("abc",), FrameRange(10, None, 25), box),
        OfficialClip("04", "val", 0),
    ]


def test_msasl_tells_frames_box_and_signer(tmp_path):
    entry = dict(url="www.youtube.com/watch?v=wX7", start=30, end=59, label=5, fps=29.97)
    entry.update(signer_id=3, box=[0.1, 0.2, 0.9, 0.8])
    (clip,) = read_msasl(dump(tmp_path / "m.json", [entry])).clips
    frames, box = FrameRange(30, 59, 29.97), Box(0.2, 0.1, 0.8, 0.9, relative=True)
    assert clip == OfficialClip("wX7_30_59", None, 5, 3, ("wX7",), frames, box)


def test_a_missing_frame_rate_follows_from_the_seconds_or_is_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        "masa_mm.datasets.official_lists.print_log", lambda text, **_: said.append(text)
    )
    entry = dict(url="www.youtube.com/watch?v=wX7", start=30, end=60, label=5)
    timed = dict(entry, start_time=1.2, end_time=2.4)
    clips = read_msasl(dump(tmp_path / "m.json", [timed])).clips
    assert clips[0].frames == FrameRange(30, 60, pytest.approx(25.0))
    assert not said
    clips = read_msasl(dump(tmp_path / "m.json", [timed, entry])).clips
    assert clips[1].frames.fps is None
    (text,) = said
    assert "m.json: 1 of 2 clips have no frame rate" in text


@pytest.mark.parametrize("content", [[1], {}, [dict(url="x.org", start=0, end=1, label=0)], ["a"]])
def test_a_json_that_is_no_msasl_list_is_refused(tmp_path, content):
    path = dump(tmp_path / "m.json", content)
    if content == {}:
        assert read_msasl(path).clips == []
        return
    with pytest.raises(ListError, match=r"m\.json: not an MSASL_"):
        read_msasl(path)


@pytest.mark.parametrize(
    "url, name",
    [
        ("https://www.youtube.com/watch?v=a-b_c&t=3s", "a-b_c"),
        ("www.youtube.com/watch?v=a", "a"),
        ("https://youtu.be/a?t=1", "a"),
        ("http://aslbricks.org/New/book.mp4", None),
        ("https://www.youtube.com/channel/xyz", None),
        ("", None),
    ],
)
def test_youtube_ids(url, name):
    assert youtube_id(url) == name


def test_rows_with_classes_by_name(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("video_path,class_name\n0/P01_01_00_1.mp4,b\n0/P02_01_00_1.mp4,a\n")
    clips = read_rows(path, ["a", "b"]).clips
    assert [(clip.id, clip.label) for clip in clips] == [("P01_01_00_1", 1), ("P02_01_00_1", 0)]


# ---- the official files ------------------------------------------------------------------------


@needs_data
def test_the_real_wlasl_list():
    official = read_wlasl(METADATA / "WLASL_v0.3.json.gz")
    assert len(official.classes) == 2000 and len(official.clips) == 21_083
    whole = sum(clip.frames is None for clip in official.clips)
    assert len(official.clips) - whole == 2131
    assert len({clip.signer for clip in official.clips}) == 119
    in_youtube = [clip for clip in official.clips if clip.videos]
    assert len(in_youtube) == 5135
    assert sum(clip.frames is not None for clip in in_youtube) == 2126


@needs_data
def test_the_real_msasl_list():
    clips = read_msasl(METADATA / "MSASL_test.json").clips
    assert len({clip.id for clip in clips}) == len(clips) == 4172
    assert len({clip.videos for clip in clips}) == 1542
    entries = json.loads((METADATA / "MSASL_test.json").read_text())
    for clip, entry in zip(clips, entries):
        # The list's seconds agree: the frame `end` is the first that is not the clip's.
        assert clip.frames.stop / clip.frames.fps == pytest.approx(entry["end_time"], abs=0.01)
        rows, columns = clip.box.within((entry["height"], entry["width"]))
        assert rows.stop - rows.start > 10 and columns.stop - columns.start > 10


NSLT = '"a": {"subset": "train", "action": [1, 0, 5]}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\3\4", "not a JSON file but a zip archive; unpack it"),
        (b"{" + NSLT.encode()[:20], "not a JSON file .*download it again"),
        (b"[" * 100_000, "not a JSON file .*download it again"),
        (f"{{{NSLT}, {NSLT}}}".encode(), "lists 'a' twice"),
        (gzip.compress(NSLT.encode() * 9, mtime=0)[:-9], "not a complete gzip file"),
        (gzip.compress(b"x" * 99, mtime=0)[:12] + b"\xff" * 20, "not a complete gzip file"),
        (gzip.compress(b"PK\3\4", mtime=0), "a zip archive"),
    ],
)
def test_damaged_lists_are_named_in_one_line(tmp_path, content, said):
    path = tmp_path / "nslt_100.json"
    path.write_bytes(content)
    with pytest.raises(ListError, match=rf"nslt_100\.json: .*{said}") as caught:
        read_wlasl(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_huge_list_is_refused(tmp_path):
    """Compressed, it is small."""
    path = tmp_path / "list.txt.gz"
    path.write_bytes(gzip.compress(b"a.mp4 1\n" * 2**23))
    for read in (read_wlasl, read_rows):
        with pytest.raises(ListError, match=r"list\.txt\.gz: has more than"):
            read(path)


def test_rows_may_be_gzipped(tmp_path):
    path = tmp_path / "list.txt.gz"
    path.write_bytes(gzip.compress(b"a.mp4 1\n"))
    assert [clip.label for clip in read_rows(path).clips] == [1]


def test_a_folder_is_no_list(tmp_path):
    for read in (read_wlasl, read_msasl, read_rows):
        with pytest.raises(FileNotFoundError, match="a folder; give a file"):
            read(tmp_path)


def test_a_clip_with_two_labels_is_refused(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("a.mp4 1\nb.mp4 2\na.mp4 1\n")
    assert [clip.label for clip in read_rows(path).clips] == [1, 2, 1]
    path.write_text("a.mp4 1\nb.mp4 2\nx/a.avi 3\n")
    with pytest.raises(ListError, match=r"list\.txt: lists clip 'a' twice, with labels 1 and 3"):
        read_rows(path)
    glosses = [dict(gloss=name, instances=[dict(video_id="7", split="val")]) for name in "xy"]
    with pytest.raises(ListError, match="lists clip '7' twice, with labels 0 and 1"):
        read_wlasl(dump(tmp_path / "v.json", glosses))


WRONG = [float("inf"), float("nan"), 1.5, True, "\u00b2", [1], 2**70, None]


@pytest.mark.parametrize("value", WRONG)
def test_labels_and_frames_are_whole_numbers(tmp_path, value):
    path = dump(tmp_path / "n.json", {"01": dict(subset="train", action=[value, 1, 2])})
    with pytest.raises(ListError, match="neither nslt"):
        read_wlasl(path)
    entry = dict(url="www.youtube.com/watch?v=wX7", start=30, end=59, label=5, fps=29.97)
    for key in ("label", "start", "end"):
        with pytest.raises(ListError, match="not an MSASL"):
            read_msasl(dump(tmp_path / "m.json", [{**entry, key: value}]))


@pytest.mark.parametrize(
    "change", [dict(video_id=[1]), dict(fps=-1), dict(fps="x"), dict(bbox=[0, 0, 1, float("nan")])]
)
def test_other_values_of_the_wrong_type_are_refused(tmp_path, change):
    instance = dict(video_id="01", split="train", url="http://x.org/1.mp4") | change
    path = dump(tmp_path / "v.json", [dict(gloss="a", instances=[instance])])
    with pytest.raises(ListError, match="neither nslt"):
        read_wlasl(path)
