"""The study of near-duplicates: its changes, its pairs of takes, and its tables."""

import json

import numpy as np
import pytest

from toys.audit_toys import clips_of, faster, padded, smooth_clip, write
from toys.benchmark_toys import load_script, read_table

study = load_script("near_duplicates")
RNG = np.random.default_rng(0)


def clip(seed=0, frames=60):
    return study.Clip(*padded(smooth_clip(seed, frames), 4, 6))


def test_retiming_drops_and_repeats_frames():
    source = clip()
    slower = study.retimed(source, RNG, 1.2)
    assert len(slower.score) == 84
    index = [int(t / 1.2) for t in range(84)]
    np.testing.assert_array_equal(slower.keypoint, source.keypoint[index])
    np.testing.assert_array_equal(study.retimed(source, RNG, 0.5).score, source.score[::2])


def test_trimming_cuts_into_the_frames_with_hands():
    source = clip()
    shorter = study.trimmed(source, RNG, 0.1)
    assert len(shorter.score) == 54 and shorter.score[:, :42].any(1).all()
    assert any(
        np.array_equal(shorter.keypoint, source.keypoint[start : start + 54])
        for start in range(4, 11)
    )


def test_noise_has_the_size_it_says():
    source = clip(frames=2000)
    moved = study.noisy(source, RNG, 0.01).keypoint - source.keypoint
    size = np.sqrt((moved[4:-6, :21] ** 2).sum(-1).mean(-1))
    size /= study.radius(source, slice(0, 21))[4:-6, 0, 0]
    assert np.median(size) == pytest.approx(0.01, rel=0.1)
    assert np.mean(size > 0.03) == pytest.approx(0.1, abs=0.03)
    assert not moved[:4, :42].any()  # no hands there


def test_another_take_is_changed_slowly():
    source = clip(frames=400)
    moved = study.retaken(source, np.random.default_rng(1), 0.1).keypoint - source.keypoint
    steps = np.abs(np.diff(moved[50:-50, :21], axis=0)).mean()
    assert steps < 0.3 * np.abs(moved[50:-50, :21]).mean()


def test_framing_rounding_and_lost_hands():
    source = clip()
    framed = study.framed(source, RNG, 1.0).keypoint
    np.testing.assert_array_equal(framed[:, :42], source.keypoint[:, :42])
    assert np.ptp(framed[:, 42:, 0]) == pytest.approx(0.6 * np.ptp(source.keypoint[:, 42:, 0]))
    whole = study.rounded(source, RNG, 64).keypoint * 64
    np.testing.assert_allclose(whole[:, :42], whole[:, :42].round(), atol=1e-4)
    lost = study.without_hands(source, RNG, 0.5)
    assert (
        0.3 < lost.score[4:-6, :21].any(1).mean() < 0.7 and not lost.keypoint[lost.score == 0].any()
    )


def test_takes_share_signer_and_sign_but_not_the_length(tmp_path):
    lengths = [20, 21, 20, 22, 23, 24]
    clips = [smooth_clip(n, length) for n, length in enumerate(lengths)]
    signers, labels = [1, 1, 1, 2, -1, -1], [0, 0, 0, 0, 1, 1]
    opened = clips_of(tmp_path, dict(clips=clips, signers=signers, labels=labels))
    pairs = study.takes(opened, np.arange(6))
    assert sorted(map(sorted, pairs.tolist())) == [[0, 1], [1, 2]]
    pairs = study.pairs_of_one_sign(opened, np.arange(6))
    assert sorted(map(sorted, pairs.tolist())) == [[0, 1], [0, 2], [1, 2], [4, 5]]


def test_the_tables(tmp_path, capsys):
    clips = [smooth_clip(n, 40 + n) for n in range(6)]
    options = dict(labels=[1] * 6, signers=[0] * 6)
    path = str(write(tmp_path / "train.safetensors", clips, **options))
    assert study.main([path, "--takes", path, "--clips", "3"]) == 0
    rows = {row[0]: row[1:] for row in read_table(capsys.readouterr().out)}
    assert set(study.REENCODED) < set(rows)
    assert rows["float16 only"] == ["100.0% (29.2% to 100.0%)", "0.0%", "0.0%", "0.0%"]
    assert rows["takes of one signer and sign"][0] == rows["train"][0] == "15"
    assert rows["train"][2].startswith("0 (0.00% to 21.80%)")


def test_the_stillest_stretches_follow_each_other():
    source = clip(frames=80)
    held = source.keypoint.copy()
    held[20:60] = held[20]
    first, second = study.held_still(study.Clip(held, source.score))
    assert len(first.score) == len(second.score) == 16
    np.testing.assert_array_equal(first.keypoint, second.keypoint)
    assert study.held_still(clip(frames=20)) is None


def test_pairs_of_the_official_list(tmp_path):
    a, b = smooth_clip(0, 40), smooth_clip(1, 40)
    clips = [a, a, faster(a, 31), b, faster(b, 35), smooth_clip(2)]
    opened = clips_of(tmp_path, dict(clips=clips))
    # Clips 0, 1 and 2 show one recording; the list does not know that 3 and 4 do; 5 is not in it.
    frames = [(1, -1), (9, 20), (9, 20), (1, -1), (5, 9)]
    instances = [
        dict(video_id=f"train{n}", url="a" if n < 3 else "b", frame_start=low, frame_end=high)
        for n, (low, high) in enumerate(frames)
    ]
    path = tmp_path / "list.json"
    path.write_text(json.dumps([dict(gloss="x", instances=instances)]))
    copies, same, others = study.official_rows(opened, path)
    assert copies == ("copies", "1", "1 (2.50% to 100.00%)", "0")
    assert same[1:] == copies[1:] == others[1:]


def test_a_half_without_clips_is_an_error(tmp_path, capsys):
    path = str(write(tmp_path / "train.safetensors", [smooth_clip(0)], labels=[1]))
    assert study.main([path, "--half", "even"]) == 1
    assert "no labelled clip of half even" in capsys.readouterr().err
