"""Measure how well the audit tells re-encoded clips from further takes of a sign.

    python tools/benchmark/near_duplicates.py data/wlasl_hands/wlasl_hands_{train,val}.safetensors
    python tools/benchmark/near_duplicates.py train.safetensors --half even
    python tools/benchmark/near_duplicates.py train.safetensors --takes takes.safetensors
    python tools/benchmark/near_duplicates.py train.safetensors --official WLASL_v0.3.json

Re-encoded clips are made from the clips of the stores: re-timed, trimmed, framed otherwise, and
with the noise of an estimator that runs on another encoding. Takes are pairs of clips of one signer
and one sign that differ in length, because both copies of a re-encoded recording usually have one
length. They come from the stores and from clips whose tempo and hand shapes were changed smoothly.
Of the stores of --takes, which must not contain a recording twice, all pairs of a sign count.
Signs with an even label serve to choose limits (--half even), those with an odd label to report
results (--half odd).

Two stretches of a clip, one after the other, in which a hand hardly moves, stand for takes of a
hand that is held still. WLASL's official list (--official) names the address and the frames from
which each clip was taken: it tells which clips show one recording, and the audit does not read it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import common
import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix, triu
from scipy.stats import binomtest

from masa_mm.errors import UserError
from masa_mm.option_checks import count, seed
from masa_mm.pose.files import read_json
from masa_mm.pose.skeleton import BODY, LEFT_HAND, RIGHT_HAND
from masa_mm.pose.store_writer import write_store
from masa_mm.preparation.audit import AuditClips, open_clips
from masa_mm.preparation.audit.alignment import Comparison, compare_pairs
from masa_mm.preparation.audit.descriptor import closest_pairs, describe_clips
from masa_mm.preparation.audit.near_duplicates import (
    CANDIDATES,
    CERTAIN,
    MAX_CANDIDATES,
    UNCERTAIN,
    decide,
)

HANDS = (RIGHT_HAND, LEFT_HAND)
HALVES = {"even": (0,), "odd": (1,), "both": (0, 1)}
# Frames of a stretch of a still hand.
STRETCH = 16
# In hand radii. The copies that WLASL-hands contains differ by 0.003 (median of the pairs) to 0.03.
NOISE = dict(usual=0.004, strong=0.012, extreme=0.03)


class Clip(NamedTuple):
    """Joints float32 [T, 49, 2] and scores [T, 49] of a clip."""

    keypoint: np.ndarray
    score: np.ndarray

    def frames(self, index: np.ndarray) -> Clip:
        """Return some frames in an order."""
        return Clip(self.keypoint[index], self.score[index])

    def moved(self, by: np.ndarray, part: slice) -> Clip:
        """Add an offset to the present joints of a part."""
        keypoint = self.keypoint.copy()
        keypoint[:, part] += by * (self.score[:, part] > 0)[..., None]
        return Clip(keypoint, self.score)


Change = Callable[[Clip, np.random.Generator], Clip]


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    return common.run(measure, parse_args(argv))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", metavar="STORE", help="stores with real clips")
    parser.add_argument("--takes", nargs="+", default=[], metavar="STORE", help="stores of takes")
    parser.add_argument("--clips", type=count, default=300, help="clips that are changed")
    parser.add_argument("--half", choices=HALVES, default="odd", help="labels of these clips")
    parser.add_argument("--official", metavar="JSON", help="WLASL's official list")
    parser.add_argument("--seed", type=seed, default=0)
    return parser.parse_args(argv)


def measure(args: argparse.Namespace) -> None:
    """Print a table of re-encoded clips and one of takes."""
    clips = open_clips(args.stores)
    rng = np.random.default_rng(args.seed)
    numbers = draw(clips, args.clips, args.half, rng)
    print(f"{len(numbers)} clips; certain below {CERTAIN:g}, uncertain below {UNCERTAIN:g}\n")
    head = ("re-encoded", "certain (95 % interval)", "uncertain", "missed", "of them not compared")
    common.print_table(reencoded_rows(clips, numbers, rng), head)
    print()
    head = (
        "different recordings",
        "pairs",
        "compared",
        "certain (95 % interval)",
        "uncertain",
        "least difference",
    )
    common.print_table(take_rows(clips, numbers, args, rng), head)
    if args.official:
        print()
        head = ("by the official list", "pairs", "certain (95 % interval)", "uncertain")
        common.print_table(official_rows(clips, args.official), head)


def draw(clips: AuditClips, count: int, half: str, rng: np.random.Generator) -> np.ndarray:
    """Draw clips with a hand whose labels are of one half."""
    candidates = np.flatnonzero(of_half(clips, half) & has_hand(clips))
    if not len(candidates):
        raise UserError(f"no labelled clip of half {half} has a hand; give other stores")
    return rng.permutation(candidates)[:count]


def of_half(clips: AuditClips, half: str) -> np.ndarray:
    """Whether the label of a clip is of a half [clips]."""
    return np.isin(clips.label % 2, HALVES[half]) & (clips.label >= 0)


def has_hand(clips: AuditClips) -> np.ndarray:
    """Whether a clip has a hand [clips]."""
    return np.concatenate(
        [chunk.sum(chunk.score[:, : BODY.start].any(1)) > 0 for chunk in clips.chunks()]
    )


# ---- changes ------------------------------------------------------------------------------------


def retimed(clip: Clip, rng: np.random.Generator, factor: float) -> Clip:
    """Drop or repeat frames to change the frame rate."""
    count = max(int(len(clip.score) * factor), 1)
    return clip.frames(np.minimum((np.arange(count) / factor).astype(int), len(clip.score) - 1))


def trimmed(clip: Clip, rng: np.random.Generator, share: float) -> Clip:
    """Cut a share of the frames with hands off, partly at the start and partly at the end."""
    shown = np.flatnonzero(clip.score[:, : BODY.start].any(1))
    low, high = shown[0], shown[-1] + 1
    lost = round(share * int(high - low))
    at_start = int(rng.integers(lost + 1))
    return clip.frames(np.arange(low + at_start, max(high - lost + at_start, low + at_start + 1)))


def framed(clip: Clip, rng: np.random.Generator, stretch: float) -> Clip:
    """Put the signer elsewhere in the image; a hand's crop at its border is stretched."""
    keypoint = clip.keypoint.copy()
    keypoint[:, BODY.joints] = keypoint[:, BODY.joints] * [0.6, 0.5] + [0.2, 0.1]
    keypoint[:, : BODY.start, rng.integers(2)] *= stretch
    return Clip(keypoint * (clip.score > 0)[..., None], clip.score)


def noisy(clip: Clip, rng: np.random.Generator, size: float) -> Clip:
    """Add noise of a size in hand radii, five times as large in a tenth of the frames."""
    frames = len(clip.score)
    scale = size / 2**0.5 * np.where(rng.random(frames) < 0.1, 5, 1)[:, None, None]
    for part in HANDS:
        noise = rng.normal(size=(frames, part.num_joints, 2)) * scale * radius(clip, part.joints)
        clip = clip.moved(noise, part.joints)
    return clip.moved(rng.normal(size=(frames, 7, 2)) * 0.25 * scale * 0.5, BODY.joints)


def radius(clip: Clip, joints: slice) -> np.ndarray:
    """Root mean square distance of the joints from their mean [T, 1, 1]."""
    hand = clip.keypoint[:, joints]
    hand = hand - hand.mean(1, keepdims=True)
    return np.sqrt((hand**2).sum((1, 2), keepdims=True) / hand.shape[1])


def without_hands(clip: Clip, rng: np.random.Generator, share: float) -> Clip:
    """Lose each hand in a share of the frames."""
    score = clip.score.copy()
    for part in HANDS:
        score[rng.random(len(score)) < share, part.joints] = 0
    return Clip(clip.keypoint * (score > 0)[..., None], score)


def rounded(clip: Clip, rng: np.random.Generator, pixels: float) -> Clip:
    """Round to whole pixels of a hand's crop, and of four times as many for the image."""
    keypoint = (clip.keypoint * pixels).round() / pixels
    keypoint[:, BODY.joints] = (clip.keypoint[:, BODY.joints] * 4 * pixels).round() / (4 * pixels)
    return Clip(keypoint, clip.score)


def retaken(clip: Clip, rng: np.random.Generator, size: float) -> Clip:
    """Change the tempo smoothly by some frames, and the shape of the hands by a size in radii."""
    frames = len(clip.score)

    def smooth(*shape: int) -> np.ndarray:
        values = gaussian_filter1d(rng.normal(size=(frames + 40, *shape)), 6, axis=0)[20:-20]
        return values / max(float(values.std()), 1e-9)

    time = np.arange(frames) + 2 * smooth()
    clip = clip.frames(np.clip(time.round(), 0, frames - 1).astype(int))
    for part in HANDS:
        change = smooth(part.num_joints, 2) * size / 2**0.5 * radius(clip, part.joints)
        clip = clip.moved(change, part.joints)
    return clip


def chain(*changes: Change) -> Change:
    """Apply changes one after the other."""

    def change(clip: Clip, rng: np.random.Generator) -> Clip:
        for one in changes:
            clip = one(clip, rng)
        return clip

    return change


USUAL = partial(noisy, size=NOISE["usual"])
REENCODED: dict[str, Change] = {
    "float16 only": lambda clip, rng: clip,
    **{f"noise {name} ({size:g})": partial(noisy, size=size) for name, size in NOISE.items()},
    "whole pixels, 128 a crop": partial(rounded, pixels=128),
    **{
        f"frame rate x {factor:g}": chain(partial(retimed, factor=factor), USUAL)
        for factor in (1.2, 5 / 6, 0.5, 2)
    },
    **{
        f"trimmed by {share:.0%}": chain(partial(trimmed, share=share), USUAL)
        for share in (0.05, 0.1, 0.2, 0.3)
    },
    **{
        f"framed otherwise, crops stretched x {stretch:g}": chain(
            partial(framed, stretch=stretch), USUAL
        )
        for stretch in (1, 1.3)
    },
    **{
        f"hands lost in {share:.0%} of frames": chain(partial(without_hands, share=share), USUAL)
        for share in (0.05, 0.2)
    },
    "all: x 1.2, trimmed by 10%, framed otherwise, 5% lost, strong noise": chain(
        partial(retimed, factor=1.2),
        partial(trimmed, share=0.1),
        partial(framed, stretch=1.1),
        partial(without_hands, share=0.05),
        partial(noisy, size=NOISE["strong"]),
    ),
}


# ---- tables -------------------------------------------------------------------------------------


class Decisions(NamedTuple):
    """Decisions about pairs, and whether the audit compares them [pairs]."""

    compared: np.ndarray
    certain: np.ndarray
    uncertain: np.ndarray
    comparison: Comparison


def judge(clips: AuditClips, pairs: np.ndarray) -> Decisions:
    """Decide about pairs [pairs, 2] as the audit does."""
    descriptor = describe_clips(clips)
    close = np.linalg.norm(descriptor[pairs[:, 0]] - descriptor[pairs[:, 1]], axis=1) < CANDIDATES
    comparison = compare_pairs(clips, pairs)
    certain, uncertain = decide(comparison)
    return Decisions(close, close & certain, close & uncertain, comparison)


def changed(
    clips: AuditClips, numbers: np.ndarray, change: Change, rng: np.random.Generator
) -> Decisions:
    """Decide about clips and what a change makes of them."""
    original = [read(clips, number) for number in numbers]
    return judge_lists(original, [change(clip, rng) for clip in original])


def judge_lists(first: Sequence[Clip], second: Sequence[Clip]) -> Decisions:
    """Decide about each clip of a list and the clip at its place in the other."""
    with tempfile.TemporaryDirectory() as folder:
        both = enumerate([first, second])
        opened = open_clips([_write(Path(folder, f"{n}.safetensors"), part) for n, part in both])
        rows = np.arange(len(first))
        return judge(opened, np.stack([rows, rows + len(rows)], 1))


def read(clips: AuditClips, number: int) -> Clip:
    """Read a clip."""
    return Clip(*(array.astype(np.float32) for array in clips.clip(int(number))))


def _write(path: Path, clips: Sequence[Clip]) -> Path:
    keypoint, score = (np.concatenate(arrays) for arrays in zip(*clips))
    lengths = [len(clip.score) for clip in clips]
    names = [str(number) for number in range(len(clips))]
    write_store(path, keypoint, score, lengths, names, source="toy", dtype="float16")
    return path


def reencoded_rows(
    clips: AuditClips, numbers: np.ndarray, rng: np.random.Generator
) -> Iterator[common.Row]:
    """Rows of the re-encoded clips: every kind, then the last kind by the hands of a clip."""
    for name, change in REENCODED.items():
        found = changed(clips, numbers, change, rng)
        yield reencoded_row(name, found, np.ones(len(numbers), bool))
    for low, high in ((0, 16), (16, 40), (40, np.inf)):
        rows = (found.comparison.num_hands >= low) & (found.comparison.num_hands < high)
        if rows.any():
            yield reencoded_row(f"- with {low} to {high:g} hands ({rows.sum()})", found, rows)


def reencoded_row(name: str, found: Decisions, rows: np.ndarray) -> common.Row:
    """Row of some of the pairs."""
    certain, uncertain = found.certain[rows].mean(), found.uncertain[rows].mean()
    shares = uncertain, abs(1 - certain - uncertain), 1 - found.compared[rows].mean()
    sure = f"{certain:.1%} ({interval(found.certain[rows], 1)})"
    return (name, sure, *(f"{share:.1%}" for share in shares))


def interval(values: np.ndarray, digits: int = 2) -> str:
    """Describe the 95 % interval of the share of True among values [n]."""
    found = binomtest(int(values.sum()), len(values)).proportion_ci(method="exact")
    return f"{found.low:.{digits}%} to {found.high:.{digits}%}"


def take_rows(
    clips: AuditClips, numbers: np.ndarray, args: argparse.Namespace, rng: np.random.Generator
) -> Iterator[common.Row]:
    """Rows of different recordings."""
    shown = np.flatnonzero(of_half(clips, args.half) & has_hand(clips))
    yield take_row("takes of one signer and sign", judge(clips, takes(clips, shown)))
    for path in args.takes:
        other = open_clips([path])
        pairs = pairs_of_one_sign(other, np.flatnonzero(has_hand(other)))
        yield take_row(Path(path).stem, judge(other, pairs))
    for size in (0.02, 0.05, 0.1):
        found = changed(clips, numbers, chain(partial(retaken, size=size), USUAL), rng)
        yield take_row(f"hands and tempo changed smoothly by {size:g}", found)
    held = [pair for number in shown if (pair := held_still(read(clips, number)))]
    if held:
        yield take_row(f"stretches of {STRETCH} frames with a still hand", judge_lists(*zip(*held)))


def takes(clips: AuditClips, numbers: np.ndarray) -> np.ndarray:
    """Return pairs of clips of one known signer and one sign that differ in length."""
    pairs = pairs_of_one_sign(clips, numbers)
    lengths = clips.num_frames[pairs]
    return pairs[(clips.signer[pairs] >= 0).all(1) & (lengths[:, 0] != lengths[:, 1])]


def pairs_of_one_sign(clips: AuditClips, numbers: np.ndarray) -> np.ndarray:
    """Return pairs [pairs, 2] of clips of one label and one signer, who may be unknown."""
    order = numbers[np.lexsort((clips.label[numbers], clips.signer[numbers]))]
    pairs = [np.zeros((0, 2), np.int64)]
    for step in range(1, len(order)):
        i, j = order[:-step], order[step:]
        same = (clips.signer[i] == clips.signer[j]) & (clips.label[i] == clips.label[j])
        if not same.any():
            break
        pairs.append(np.stack([i[same], j[same]], 1))
    return np.concatenate(pairs)


def take_row(name: str, found: Decisions) -> common.Row:
    """Row of pairs of different recordings, with a 95 % interval of the share of mistakes."""
    count, wrong = len(found.certain), int(found.certain.sum())
    if not count:
        return (name, "0", *["-"] * 4)
    return (
        name,
        f"{count:,}",
        f"{found.compared.sum():,}",
        f"{wrong} ({interval(found.certain)})",
        f"{found.uncertain.sum()}",
        f"{found.comparison.slow[found.comparison.num_hands >= 16].min(initial=np.inf):.3f}",
    )


def held_still(clip: Clip) -> tuple[Clip, Clip] | None:
    """Return two stretches, one after the other, in which a hand moves least; None without them."""
    found = []
    for part in HANDS:
        hand = clip.keypoint[:, part.joints]
        hand = (hand - hand.mean(1, keepdims=True)) / np.maximum(radius(clip, part.joints), 1e-6)
        seen = (clip.score[:, part.joints] > 0).all(1)
        starts = [t for t in range(len(hand) - 2 * STRETCH + 1) if seen[t : t + 2 * STRETCH].all()]
        found += [(float(hand[t : t + 2 * STRETCH].var(0).sum()), t) for t in starts]
    if not found:
        return None
    start = min(found)[1]
    middle = start + STRETCH
    return clip.frames(np.arange(start, middle)), clip.frames(np.arange(middle, middle + STRETCH))


# ---- the official list --------------------------------------------------------------------------


def official_rows(clips: AuditClips, path: str) -> Iterator[common.Row]:
    """Rows of the copies that the official list tells, and of the pairs that the audit finds."""
    _, first, number = np.unique(clips.identical, return_index=True, return_inverse=True)
    recording = official_recordings(clips, path)
    # Identical clips count once; each may be listed as several recordings.
    listed = csr_matrix((np.ones(len(clips), np.int64), (number, recording)))
    shown = has_hand(clips)[first]
    pairs = np.stack(triu(listed @ listed.T, 1).nonzero(), 1)
    copies = judge(clips, first[pairs[shown[pairs].all(1)]])
    yield official_row("copies", copies.certain, copies.uncertain)
    shown = np.flatnonzero(shown)
    found, _ = closest_pairs(describe_clips(clips)[first[shown]], CANDIDATES, MAX_CANDIDATES)
    found = shown[found]
    certain, uncertain = decide(compare_pairs(clips, first[found]))
    same = np.asarray(listed[found[:, 0]].multiply(listed[found[:, 1]]).sum(1)).ravel() > 0
    yield official_row("found by the audit, one recording", certain[same], uncertain[same])
    yield official_row("found by the audit, others", certain[~same], uncertain[~same])


def official_recordings(clips: AuditClips, path: str) -> np.ndarray:
    """Number the recordings of clips by address and frames; clips not listed have their own."""
    entries = [entry for gloss in read_json(path) for entry in gloss["instances"]]
    names = {e["video_id"]: (e["url"], e["frame_start"], e["frame_end"]) for e in entries}
    ids = [clip["id"] for clip in clips.describe_all(np.arange(len(clips)))]
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(names.get(name, name), len(numbers)) for name in ids])


def official_row(name: str, certain: np.ndarray, uncertain: np.ndarray) -> common.Row:
    """Row of pairs [pairs]."""
    sure = f"{certain.sum()} ({interval(certain)})" if len(certain) else "-"
    return name, f"{len(certain):,}", sure, f"{uncertain.sum()}"


if __name__ == "__main__":
    sys.exit(main())
