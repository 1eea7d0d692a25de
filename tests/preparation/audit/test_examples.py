"""Bad clips, repeated ids, and the draw of samples."""

import numpy as np

from masa_mm.preparation.audit.examples import BadClips, Samples

from toys.audit_toys import clips_of, smooth_clip


def test_bad_clips_and_ids_of_several_clips(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[smooth_clip(n, 4) for n in range(3)], ids=["a", "b", "c"]),
        dict(clips=[smooth_clip(3, 4)], ids=["b"]),
    )
    assert BadClips().compute(clips, {})["bad"] == []
    clips.stores[0].keypoint = clips.stores[0].keypoint[:].copy()
    clips.stores[0].keypoint[9, 0, 0] = np.nan
    found = BadClips().compute(clips, {})
    (bad,) = found["bad"]
    assert (bad["id"], bad["split"]) == ("c", "train") and "NaN" in bad["problem"]
    assert found["repeated_ids"] == [dict(id="b", splits=["train", "val"])]


def test_samples_follow_from_the_seed_and_repeat_none(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(n, 2) for n in range(30)]))

    def draw(number, seed=0):
        return Samples(number, seed).compute(clips, {})["numbers"]

    drawn = draw(20, seed=3)
    assert drawn == draw(20, seed=3) != draw(20, seed=4)
    assert len(set(drawn)) == 20 and drawn == sorted(drawn) and max(drawn) < 30
    assert draw(99) == list(range(30))
    assert draw(0) == []
