"""Sources of one clip per file: a new one in a few lines. Covers labels and sizes of such clips.

The sources' own tests cover packed arrays (test_mediapipe) and lists that do not fit the folder
(test_mmpose).
"""

import argparse

import numpy as np
import pytest

from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError
from masa_mm.sources import ClipError
from masa_mm.sources.folder import (
    Entry,
    RawClip,
    clip_blocks,
    file_source,
    files_below,
    folder_source,
)

FRAMES = np.ones((3, 49, 2), np.float32)


def read_text_file(path, args):
    """A reader of a file with the number of frames."""
    frames = int(path.read_text())
    if not frames:
        raise ClipError("it is empty", "write more")
    return RawClip(np.ones((frames, 49, 2)), np.ones((frames, 49)), normalized=True)


SOURCE = file_source("toy", "text files", "sign49", read_text_file, ".txt", ".text")


def opened(path, *options):
    parser = argparse.ArgumentParser()
    SOURCE.add_options(parser)
    args = parser.parse_args(["--img-size", "640", "480", *map(str, options)])
    vars(args).update(input=path, source="toy", source_name=None, split=None)
    return SOURCE.open(args)


@pytest.fixture
def folder(tmp_path):
    poses = tmp_path / "poses"
    (poses / "b").mkdir(parents=True)
    for name, frames in (("z.txt", 2), ("b/a.text", 4), ("c.txt", 0), ("note.md", 9)):
        (poses / name).write_text(str(frames))
    return poses


def test_names_that_repeat_get_their_folders(folder):
    """By the rule of the benchmarks' lists; only the file's own ending is removed."""
    for name in ("0004/User_2_001.text", "0007/User_2_001.text", "0007/W.H.A.T.mp4.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("1")
    ids = [block.ids[0] for block in opened(folder).blocks if not isinstance(block, BadClip)]
    assert sorted(ids)[:2] == ["0004/User_2_001", "0007/User_2_001"]
    assert "0007/W.H.A.T.mp4" in ids and "b/a" in ids


def test_a_new_source_is_one_reader_and_one_declaration(folder):
    source = opened(folder)
    assert source.name == "toy" and source.layout == "sign49" and source.glosses == ()
    bad, first, second = source.blocks
    assert bad == BadClip("c", "it is empty", "write more")
    assert first.ids == ["z"] and second.ids == ["a"]
    assert second.num_frames.tolist() == [4] and second.label.tolist() == [-1]
    assert second.scale == (640.0, 480.0) and second.size.tolist() == [[480, 640]]


def test_labels_come_from_the_list(folder, tmp_path):
    listed = tmp_path / "list.csv"
    listed.write_text("id,gloss,width,height\nz,hat,100,50\na,book,,\n")
    source = opened(folder, "--labels", listed)
    clips = list(source.blocks)
    assert source.glosses == ["book", "hat"] and [clip.ids for clip in clips] == [["z"], ["a"]]
    assert [clip.label.tolist() for clip in clips] == [[1], [0]]
    assert clips[0].img_shape.tolist() == [[50, 100]]
    assert "1 clips are not in" in source.notes[0] and "the first is 'c'" in source.notes[0]


def test_entries_may_bring_labels_and_the_source_its_layout_option():
    entries = [Entry("a", lambda: RawClip(FRAMES, FRAMES[..., 0], (4, 5)), label=7)]
    assert [clip.label.tolist() for clip in clip_blocks(entries)] == [[7]]
    source = folder_source("toy", "", lambda args: entries)
    args = dict(input="", source="toy", source_name="mine", split="val", layout="sign49")
    args.update(labels=None, class_list=None, img_size=None)
    opened = source.open(argparse.Namespace(**args))
    assert (opened.name, opened.split, opened.layout) == ("mine", "val", "sign49")


@pytest.mark.parametrize(
    ("keypoint", "score", "problem"),
    [
        (FRAMES, FRAMES[:2, :, 0], r"keypoint is \[3, 49, 2\] and score \[2, 49\]"),
        (FRAMES[..., :1], FRAMES[..., 0], r"keypoint is \[3, 49, 1\]"),
        (FRAMES.astype(str), FRAMES[..., 0], "not numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_a_bad_clip(keypoint, score, problem):
    (bad,) = clip_blocks([Entry("a", lambda: RawClip(keypoint, score))], (4, 5))
    with pytest.raises(ClipError, match=problem):
        raise ClipError(bad.problem, bad.remedy)


def test_clips_of_unknown_size_get_the_extent_of_their_joints_and_one_note():
    notes, points = [], FRAMES * [300, 200]
    points[:, 0] = [100, 50]
    clips = dict(
        known=RawClip(points, FRAMES[..., 0], (480, 640)),
        pixels=RawClip(points, FRAMES[..., 0]),
        other=RawClip(points * 2, FRAMES[..., 0]),
        shares=RawClip(points / 400, FRAMES[..., 0], normalized=True),
    )
    entries = [Entry(name, lambda clip=clip: clip) for name, clip in clips.items()]
    known, pixels, other, shares = clip_blocks(entries, notes=notes)
    assert known.size.tolist() == [[480, 640]] and known.img_shape.tolist() == [[480, 640]]
    assert pixels.img_shape.tolist() == [[200, 400]] and pixels.size is None
    assert other.img_shape.tolist() == [[400, 800]]
    assert shares.img_shape.tolist() == [[1, 1]] and shares.scale == (1, 1)
    assert [note.split(" is not known")[0] for note in notes] == [
        "the image size of 2 clips",
        "the image size of 1 clips",
    ]
    notes.clear()
    assert len(list(clip_blocks(entries, (480, 640), notes=notes))) == 4 and not notes


def test_files_of_other_kinds_and_empty_folders_are_named(folder, tmp_path):
    with pytest.raises(SourceError, match=r"not a \*\.txt or \*\.text file"):
        list(files_below(folder / "note.md", ".txt", ".text"))
    with pytest.raises(SourceError, match=r"has no \*\.json file; give a folder of them"):
        list(files_below(folder, ".json"))
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        list(files_below(tmp_path / "gone", ".json"))
