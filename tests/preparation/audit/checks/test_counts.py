"""Lengths, class balance, bad clips and the draw of samples."""

import numpy as np

from masa_mm.preparation.audit.checks import (
    class_balance,
    clip_lengths,
    draw_samples,
    refused_clips,
)

from toys.audit_toys import clips_of, smooth_clip


def test_lengths(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[smooth_clip(0, frames) for frames in (4, 9, 5)]),
        dict(clips=[smooth_clip(0, 7)]),
    )
    found = clip_lengths(clips, num_ends=2)
    train, val = found["splits"]
    assert (train["clips"], train["frames"], val["frames"]) == (3, 18, 7)
    assert train["percentiles"][0] == 4 and train["percentiles"][2] == 5
    assert train["percentiles"][-1] == 9
    assert sum(train["histogram"]) == 3 and len(train["histogram"]) == len(found["edges"]) - 1
    assert [clip["num_frames"] for clip in found["shortest"]] == [4, 5]
    assert [clip["num_frames"] for clip in found["longest"]] == [9, 7]


def test_class_balance(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[smooth_clip(n, 3) for n in range(4)], labels=[0, 0, 1, -1]),
        dict(clips=[smooth_clip(n, 3) for n in range(2)], labels=[0, -1]),
    )
    found = class_balance(clips)
    assert found["counts"] == [[2, 1], [1, 0], [0, 0]] and found["glosses"][1] == "drink"
    train, val = found["splits"]
    assert (train["labelled"], train["unlabelled"], train["present"]) == (3, 1, 2)
    assert (train["least"], train["median"], train["most"]) == (1, 1.5, 2)
    assert (train["only_here"], val["only_here"]) == (1, 0)


def test_no_class_at_all(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(0, 3)], labels=[-1], glosses=[]))
    found = class_balance(clips)
    assert found["counts"] == [] and found["splits"][0]["most"] == 0


def test_bad_clips_and_ids_of_several_clips(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[smooth_clip(n, 4) for n in range(3)], ids=["a", "b", "c"]),
        dict(clips=[smooth_clip(3, 4)], ids=["b"]),
    )
    assert refused_clips(clips)["bad"] == []
    clips.stores[0].keypoint = clips.stores[0].keypoint.copy()
    clips.stores[0].keypoint[9, 0, 0] = np.nan
    found = refused_clips(clips)
    (bad,) = found["bad"]
    assert (bad["id"], bad["split"]) == ("c", "train") and "NaN" in bad["problem"]
    assert found["repeated_ids"] == [dict(id="b", splits=["train", "val"])]


def test_samples_follow_from_the_seed_and_repeat_none(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(n, 2) for n in range(30)]))
    drawn = draw_samples(clips, 20, seed=3)
    assert drawn == draw_samples(clips, 20, seed=3) != draw_samples(clips, 20, seed=4)
    assert len(set(drawn)) == 20 and drawn == sorted(drawn) and max(drawn) < 30
    assert draw_samples(clips, 99) == list(range(30))
    assert draw_samples(clips, 0) == []
