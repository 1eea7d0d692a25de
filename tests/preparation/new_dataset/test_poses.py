"""Labelled videos and pose files become one store, with their labels and signers."""

import argparse
import re
from pathlib import Path

import numpy as np
import pytest

from masa_mm.pose.crop import crop_parts
from masa_mm.pose.store import PoseStore
from masa_mm.pose.store_format import BadClipsError
from masa_mm.preparation.extraction.clip_files import ClipFiles
from masa_mm.preparation.new_dataset.clips import NewDatasetError, SignClip, clips_of_folder
from masa_mm.preparation.new_dataset.poses import convert_files, extract_videos, signer_numbers

from toys.own_signs import OPTIONS, write_clip
from toys.source_toys import SIZE, pose
from toys.toy_videos import SquareEstimator, make_video


@pytest.fixture
def videos(tmp_path):
    """Three videos of two signs, with equal file names."""
    for number, name in enumerate(("thanks/ann_1", "hello/bob_1", "hello/ann_1")):
        make_video(tmp_path / "signs" / f"{name}.mp4", 5 + number)
    return tmp_path


def extract(folder, **options):
    clips = clips_of_folder(folder / "signs", "videos", OPTIONS, re.compile("/([a-z]+)_"))
    return extract_videos(clips, folder / "mine.safetensors", "square", {}, **options)


def test_videos(videos, capsys):
    assert extract(videos).num_clips == 3
    assert "3 videos, 0 are done" in capsys.readouterr().out
    store = PoseStore(videos / "mine.safetensors")
    assert store.ids == ["hello/ann_1", "hello/bob_1", "thanks/ann_1"]
    assert (store.source, store.split, store.glosses) == ("mine", "", ["hello", "thanks"])
    assert store.label.tolist() == [0, 0, 1] and store.signer.tolist() == [0, 1, 0]
    assert store.num_frames.tolist() == [7, 6, 5]


def test_an_interrupted_extraction_resumes(videos, monkeypatch, capsys):
    save = ClipFiles.save

    def stops(self, clip, poses):
        if clip == "hello/bob_1":
            raise KeyboardInterrupt
        save(self, clip, poses)

    monkeypatch.setattr(ClipFiles, "save", stops)
    with pytest.raises(KeyboardInterrupt):
        extract(videos)
    assert not (videos / "mine.safetensors").exists()
    monkeypatch.setattr(ClipFiles, "save", save)
    extract(videos)
    assert "3 videos, 1 are done" in capsys.readouterr().out


def test_videos_that_fail_are_named_and_left_out_on_request(videos):
    (videos / "signs/hello/bob_2.mp4").write_bytes(b"no video")
    with pytest.raises(BadClipsError, match=r"hello/bob_2.*not a video that can be read"):
        extract(videos)
    assert not (videos / "mine.safetensors").exists()
    report = extract(videos, skip_bad=True)
    assert report.num_clips == 3 and [bad.id for bad in report.skipped] == ["hello/bob_2"]


def test_estimators_are_closed_and_unknown_ones_named(videos, monkeypatch):
    closed = []
    monkeypatch.setattr(SquareEstimator, "close", lambda self: closed.append(self))
    extract(videos)
    assert len(closed) == 1
    clips = clips_of_folder(videos / "signs", "videos", OPTIONS)
    with pytest.raises(NewDatasetError, match="no estimator 'guess'; there are mediapipe"):
        extract_videos(clips, videos / "b.safetensors", "guess", {})


def test_pose_files(tmp_path):
    for seed, name in enumerate(("hello/1", "hello/ann/1", "thanks/1")):
        write_clip(tmp_path / f"signs/{name}.npz", seed)
    options = argparse.Namespace(**vars(OPTIONS))
    options.input = str(tmp_path / "signs")
    clips = clips_of_folder(tmp_path / "signs", "rtmlib", options)
    report, notes = convert_files(clips, tmp_path / "mine.safetensors", options)
    assert (report.num_clips, notes) == (3, [])
    store = PoseStore(tmp_path / "mine.safetensors")
    assert store.ids == ["hello/1", "hello/ann/1", "thanks/1"]
    assert store.label.tolist() == [0, 0, 1] and store.glosses == ["hello", "thanks"]
    keypoint, _ = crop_parts(*pose(6, 1), SIZE)
    np.testing.assert_allclose(store.clip(1)[0], keypoint, atol=1e-3)


def test_signers_are_numbered_like_those_of_lists():
    def numbers(*names):
        clips = [SignClip("1", "hello", Path(), name) for name in names]
        return signer_numbers(clips)

    assert numbers("7", "", "12") == [7, -1, 12]
    assert numbers("bob", "", "7") == [1, -1, 0]
    assert numbers("", "") == [-1, -1]
