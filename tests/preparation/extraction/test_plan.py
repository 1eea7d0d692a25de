"""Plans of clips: from the videos alone and from the official lists."""

import json
from pathlib import Path

import pytest

from masa_mm.datasets.official_clip import Box, FrameRange
from masa_mm.datasets.official_lists import ListError
from masa_mm.preparation.extraction.plan import (
    ClipJob,
    PlanError,
    find_videos,
    plan_benchmark,
    plan_videos,
)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def refused(call, match, kind=PlanError):
    with pytest.raises(kind, match=match) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_every_video_is_a_clip(tmp_path):
    touch(tmp_path, "b.mp4", "sub/a.MP4", "sub/P09_01_00_3._color.mp4", "notes.txt", "f/1.jpg")
    plan = plan_videos([tmp_path], "mine", "train")
    assert [job.id for job in plan.jobs] == ["P09_01_00_3", "a", "b", "f"]
    assert plan.jobs[2] == ClipJob("b", tmp_path / "b.mp4") and plan.jobs[3].video.is_dir()
    assert (plan.source, plan.split, plan.glosses) == ("mine", "train", ())
    one = plan_videos([tmp_path / "b.mp4", tmp_path / "f"], "mine")
    assert [job.id for job in one.jobs] == ["b", "f"]


def test_videos_of_one_name_are_named_by_their_folders(tmp_path):
    touch(tmp_path, "x/a.mp4", "y/a.avi", "y/0.5.mp4")
    assert [job.id for job in plan_videos([tmp_path], "mine").jobs] == ["x/a", "y/0.5", "y/a"]


def test_missing_and_ambiguous_videos_are_refused(tmp_path):
    touch(tmp_path, "x/a.mp4", "x/a.avi", "z/notes.txt")
    refused(lambda: plan_videos([tmp_path], "mine"), r"x/a\.mp4: has the same name as .*x/a\.avi")
    refused(lambda: find_videos([tmp_path / "z"]), "no videos found")
    refused(lambda: find_videos([tmp_path / "gone"]), "no such file or folder", FileNotFoundError)


def wlasl(folder, video_id, split="train", url="http://x.org/a.mp4", **changes):
    instance = dict(video_id=video_id, split=split, url=url, fps=25, frame_start=1, frame_end=-1)
    return instance | dict(bbox=[1, 2, 30, 40], signer_id=4) | changes


def test_wlasl_clips_are_cut_out_of_youtube_videos_only(tmp_path):
    youtube = dict(url="https://youtu.be/abc", frame_start=11, frame_end=20)
    entries = [
        dict(gloss="book", instances=[wlasl(tmp_path, "01"), wlasl(tmp_path, "02", "val")]),
        dict(gloss="drink", instances=[wlasl(tmp_path, v, **youtube) for v in ("03", "04", "05")]),
    ]
    (tmp_path / "w.json").write_text(json.dumps(entries))
    touch(tmp_path, "v/01.mp4", "v/02.mp4", "v/03.mp4", "v/abc.mp4")
    plan = plan_benchmark([tmp_path / "v"], "wlasl", str(tmp_path / "w.json"), "train")
    box, cut = Box(1, 2, 30, 40), FrameRange(10, 20, 25)
    assert plan.jobs == [
        ClipJob("01", tmp_path / "v/01.mp4", None, box, 0, 4),
        ClipJob("03", tmp_path / "v/03.mp4", None, box, 1, 4),  # cut to the clip
        ClipJob("04", tmp_path / "v/abc.mp4", cut, box, 1, 4),
        ClipJob("05", tmp_path / "v/abc.mp4", cut, box, 1, 4),
    ]
    assert (plan.source, plan.split, list(plan.glosses)) == ("wlasl", "train", ["book", "drink"])
    (tmp_path / "v/abc.mp4").unlink()
    plan = plan_benchmark([tmp_path / "v"], "wlasl", str(tmp_path / "w.json"), "train")
    assert plan.missing == ["04", "05"]


def test_msasl_clips_are_cut_out_of_their_videos(tmp_path):
    entries = [
        dict(url="www.youtube.com/watch?v=a-b", start=s, end=s + 30, label=s, fps=30.0)
        for s in (0, 60)
    ]
    (tmp_path / "MSASL_test.json").write_text(json.dumps(entries))
    (tmp_path / "MSASL_classes.json").write_text(json.dumps([f"s{i}" for i in range(1000)]))
    touch(tmp_path, "a-b.mkv")
    plan = plan_benchmark(
        [tmp_path / "a-b.mkv"],
        "msasl",
        str(tmp_path / "MSASL_{split}.json"),
        "test",
        str(tmp_path / "MSASL_classes.json"),
    )
    assert [(job.id, job.frames, job.label) for job in plan.jobs] == [
        ("a-b_0_30", FrameRange(0, 30, 30.0), 0),
        ("a-b_60_90", FrameRange(60, 90, 30.0), 60),
    ]
    assert plan.glosses[60] == "s60"


def test_slr500_clips_are_named_as_their_videos(tmp_path):
    (tmp_path / "train.csv").write_text("video_path,class_name\n0/P09_01_00_3._color.mp4,b\n")
    (tmp_path / "glosses.txt").write_text("a\nb\n")
    touch(tmp_path, "0/P09_01_00_3._color.mp4")
    lists = (str(tmp_path / "{split}.csv"), "train", str(tmp_path / "glosses.txt"))
    (job,) = plan_benchmark([tmp_path / "0"], "slr500", *lists).jobs
    assert (job.label, job.signer, job.frames, job.box) == (1, 9, None, None)
    refused(
        lambda: plan_benchmark([tmp_path / "0"], "slr500", lists[0], "val", lists[2]),
        "no split 'val'; they have train, test",
    )


def test_clips_of_your_own_list(tmp_path):
    """Videos are found by as much of their paths as the list's ids have."""
    (tmp_path / "signs.csv").write_text(
        "path,gloss,signer,split\nhello/1.mov,hello,Ann,train\nthanks/1.mov,thanks,Bob,train\n"
        "hello/2.mov,hello,Bob,val\n"
    )
    touch(tmp_path, "v/hello/1.mp4", "v/thanks/1.mp4", "v/other/1.mp4", "v/hello/2.mp4")
    plan = plan_benchmark([tmp_path / "v"], "csv", str(tmp_path / "signs.csv"), "train")
    assert plan.jobs == [
        ClipJob("hello/1", tmp_path / "v/hello/1.mp4", label=0, signer=0),
        ClipJob("thanks/1", tmp_path / "v/thanks/1.mp4", label=1, signer=1),
    ]
    assert plan.glosses == ["hello", "thanks"]
    refused(
        lambda: plan_benchmark([tmp_path / "v"], "csv", str(tmp_path / "signs.csv"), "test"),
        r"signs\.csv: has no test clips",
    )


def test_lists_without_videos_are_refused(tmp_path):
    (tmp_path / "w.json").write_text(
        json.dumps([dict(gloss="book", instances=[wlasl(tmp_path, "01")])])
    )
    touch(tmp_path, "v/other.mp4")
    arguments = ([tmp_path / "v"], "wlasl", str(tmp_path / "w.json"), "train")
    refused(lambda: plan_benchmark(*arguments), r"none of the 1 train clips .* such as '01'")
    Path(tmp_path / "w.json").write_bytes(b"PK\x03\x04")
    refused(lambda: plan_benchmark(*arguments), "not a JSON file", ListError)
