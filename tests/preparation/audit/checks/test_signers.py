"""Signers of each split and those that two splits share, counted by hand."""

from masa_mm.preparation.audit.checks import shared_signers

from toys.audit_toys import clips_of, smooth_clip


def stores(*signers):
    return (
        dict(clips=[smooth_clip(n, 3) for n in range(len(who))], signers=who) for who in signers
    )


def test_shared_signers_and_their_clips(tmp_path):
    found = shared_signers(clips_of(tmp_path, *stores([7, 7, 9, -1], [9, 9, 8], [-1, -1])))
    train, val, test = found["splits"]
    assert (train["signers"], train["known"], train["clips"]) == (2, 3, 4)
    assert train["clips_each"] == [2, 1] and val["clips_each"] == [2, 1]
    assert (test["signers"], test["known"], test["clips_each"]) == (0, 0, [])
    shared = {(s["split"], s["other"]): (s["signers"], s["clips"]) for s in found["shared"]}
    assert shared["train", "val"] == (1, 1) and shared["val", "train"] == (1, 2)
    assert all(shared[pair] == (0, 0) for pair in shared if "test" in pair)


def test_nobody_is_known(tmp_path):
    found = shared_signers(clips_of(tmp_path, *stores([-1], [-1])))
    assert all(split["signers"] == split["known"] == 0 for split in found["splits"])
