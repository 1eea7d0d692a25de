"""The descriptor ignores frame rate and framing, and separates different motions."""

import numpy as np

from masa_mm.preparation.audit.clip_descriptor import describe_clips

from toys.audit_toys import clips_of, faster, smooth_clip

HANDS = slice(0, 42)


def framed(clip, scale, shift):
    """The same signer elsewhere in the image; hand crops stay as they are."""
    keypoint = clip[0].copy()
    keypoint[:, 42:] = keypoint[:, 42:] * scale + shift
    return keypoint, clip[1]


def padded(clip, before, after):
    """The same clip between frames without hands, the body resting in them."""
    keypoint, score = (
        np.concatenate([array[:1].repeat(before, 0), array, array[-1:].repeat(after, 0)])
        for array in clip
    )
    for rest in (slice(0, before), slice(len(keypoint) - after, None)):
        keypoint[rest, HANDS], score[rest, HANDS] = 0, 0
    return keypoint, score


def distances(tmp_path, *clips):
    """Distances of the first clip to the others."""
    opened = clips_of(tmp_path, dict(clips=clips))
    descriptor = describe_clips(opened).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(descriptor, axis=1), 1, rtol=1e-5)
    return np.linalg.norm(descriptor[1:] - descriptor[0], axis=1)


def test_rate_framing_and_empty_ends_do_not_matter(tmp_path):
    clip = smooth_clip(0, 40)
    changed = (
        *(faster(clip, 29), faster(clip, 80), framed(clip, 0.5, 0.3), padded(clip, 7, 3)),
        framed(faster(padded(clip, 0, 5), 90), 1.3, -0.1),
    )
    found = distances(tmp_path, clip, *changed[:4])
    assert (found < 0.03).all()
    others = distances(tmp_path, clip, *(smooth_clip(seed, 40) for seed in range(1, 6)))
    assert (others > 0.5).all()


def test_other_hands_another_way_and_another_order_matter(tmp_path):
    keypoint, score = smooth_clip(0, 40)
    other_hand, other_way = keypoint.copy(), keypoint.copy()
    other_hand[:, :21] = smooth_clip(1, 40)[0][:, :21]
    other_way[:, 42:] = smooth_clip(1, 40)[0][:, 42:]
    one_handed = score.copy()
    one_handed[:, 21:42] = 0
    found = distances(
        tmp_path,
        (keypoint, score),
        (other_hand, score),
        (other_way, score),
        (keypoint[::-1], score),
        (keypoint * (one_handed[..., None] > 0), one_handed),
    )
    assert (found > 0.3).all()
