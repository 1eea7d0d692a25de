"""Signers, clip lengths and classes of each split, counted by hand."""

from masa_mm.preparation.audit.splits import ClassBalance, ClipLengths, Signers

from toys.audit_toys import clips_of, smooth_clip


def signers_of(folder, *signers):
    stores = (dict(clips=[smooth_clip(n, 3) for n in range(len(s))], signers=s) for s in signers)
    return Signers().compute(clips_of(folder, *stores), {})


def test_shared_signers_and_their_clips(tmp_path):
    found = signers_of(tmp_path, [7, 7, 9, -1], [9, 9, 8], [-1, -1])
    train, val, test = found["splits"]
    assert (train["signers"], train["known"], train["clips"]) == (2, 3, 4)
    assert train["clips_each"] == [2, 1] and val["clips_each"] == [2, 1]
    assert (test["signers"], test["known"], test["clips_each"]) == (0, 0, [])
    shared = {(s["split"], s["other"]): (s["signers"], s["clips"]) for s in found["shared"]}
    assert shared["train", "val"] == (1, 1) and shared["val", "train"] == (1, 2)
    assert all(shared[pair] == (0, 0) for pair in shared if "test" in pair)


def test_nobody_is_known(tmp_path):
    found = signers_of(tmp_path, [-1], [-1])
    assert all(split["signers"] == split["known"] == 0 for split in found["splits"])


def test_lengths(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[smooth_clip(0, frames) for frames in (4, 9, 5)]),
        dict(clips=[smooth_clip(0, 7)]),
    )
    found = ClipLengths().compute(clips, {})
    train, val = found["splits"]
    assert (train["clips"], train["frames"], val["frames"]) == (3, 18, 7)
    assert train["percentiles"][0] == 4 and train["percentiles"][2] == 5
    assert train["percentiles"][-1] == 9
    assert sum(train["histogram"]) == 3 and len(train["histogram"]) == len(found["edges"]) - 1
    assert [clip["num_frames"] for clip in found["shortest"]] == [4, 5, 7, 9]
    assert [clip["num_frames"] for clip in found["longest"]] == [9, 7, 5, 4]


def test_class_balance(tmp_path):
    clips = clips_of(
        tmp_path,
        dict(clips=[smooth_clip(n, 3) for n in range(4)], labels=[0, 0, 1, -1]),
        dict(clips=[smooth_clip(n, 3) for n in range(2)], labels=[0, -1]),
    )
    found = ClassBalance().compute(clips, {})
    assert found["counts"] == [[2, 1], [1, 0], [0, 0]] and found["glosses"][1] == "drink"
    train, val = found["splits"]
    assert (train["labelled"], train["unlabelled"], train["present"]) == (3, 1, 2)
    assert (train["least"], train["median"], train["most"]) == (1, 1.5, 2)
    assert (train["only_here"], val["only_here"]) == (1, 0)


def test_no_class_at_all(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(0, 3)], labels=[-1], glosses=[]))
    found = ClassBalance().compute(clips, {})
    assert found["counts"] == [] and found["splits"][0]["most"] == 0
