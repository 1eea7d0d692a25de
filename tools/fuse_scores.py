"""Fuse the class scores of several systems by weights searched on val.

    python tools/fuse_scores.py --val pose_val.pkl rgb_val.pkl --test pose_test.pkl rgb_test.pkl
    python tools/fuse_scores.py --weights 1 0.5 --test pose_test.pkl rgb_test.pkl --out fused.npz

The files are .pkl from tools/test.py --dump, .npz (ids, scores, labels) or .csv (id, label, one
column for each class). Clips are matched by their names. Weights are never searched on test clips:
an overlap of val and test is an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import softmax

from masa_mm.errors import UserError, allow_any_output, print_error
from masa_mm.evaluation import Predictions, SignAccuracy
from masa_mm.evaluation.fusion import METRICS, fuse_scores, search_weights
from masa_mm.evaluation.score_files import AlignedScores, align_scores, load_scores, save_scores


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description="Fuse the class scores of several systems")
    parser.add_argument(
        "--val", nargs="+", metavar="FILE", help="val scores, one file for each system"
    )
    parser.add_argument(
        "--test", nargs="+", required=True, metavar="FILE", help="test scores, in the same order"
    )
    parser.add_argument("--names", nargs="+", metavar="NAME", help="names of the systems")
    parser.add_argument(
        "--weights", nargs="+", type=float, metavar="W", help="fixed weights instead of a search"
    )
    parser.add_argument("--metric", choices=METRICS, default="top1_pi", help="metric of the search")
    parser.add_argument(
        "--steps", type=int, help="steps from 0 to 1 (default: 100 for two systems, 20 for more)"
    )
    parser.add_argument(
        "--logits",
        nargs="+",
        type=int,
        default=[],
        metavar="NUMBER",
        help="systems, counted from 1, whose scores are logits; their softmax is fused",
    )
    parser.add_argument("--out", metavar="FILE", help="write the fused test scores (.npz or .csv)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    allow_any_output()
    args = parse_args(argv)
    try:
        _run(args)
    except (OSError, UserError) as error:
        print_error(error)
        return 2
    return 0


def _run(args: argparse.Namespace) -> None:
    _check_options(args)
    names = args.names or _names(args.test)
    test = _read(args.test, args.logits)
    weights = args.weights
    if weights is None:
        val = _read(args.val, args.logits)
        _check_disjoint(val, test, args)
        steps = (100 if len(val.scores) == 2 else 20) if args.steps is None else args.steps
        result = search_weights(val.scores, _labels(val, "val"), steps, args.metric)
        weights = result.weights
        print(
            f"weights: the best of {result.tried} on {len(val.names)} val clips by {args.metric}"
            + (
                f"; {result.tied} are equally good, the most equal is used"
                if result.tied > 1
                else ""
            )
        )
        _report("val", names, weights, val)
    fused = _report("test", names, weights, test)
    if args.out:
        save_scores(args.out, Predictions(fused, test.labels, test.names))
        print(f"{args.out}: fused scores of {len(test.names)} test clips")


def _check_options(args: argparse.Namespace) -> None:
    number = len(args.test)
    if number < 2:
        raise UserError("--test: give the scores of at least two systems, one file each")
    if (args.val is None) == (args.weights is None):
        raise UserError(
            "weights are searched on val only, never on test: give either --val files of the "
            "systems or fixed --weights"
        )
    for option in ("val", "weights", "names"):
        given = getattr(args, option)
        if given is not None and len(given) != number:
            raise UserError(f"--{option}: got {len(given)} for the {number} systems of --test")
    if not set(args.logits) <= set(range(1, number + 1)):
        raise UserError(f"--logits: systems are numbered 1 to {number}, got {args.logits}")
    if args.out and Path(args.out).suffix.lower() not in (".npz", ".csv"):
        raise UserError(f"--out {args.out}: must end with .npz or .csv")


def _names(files: Sequence[str]) -> list[str]:
    stems = [Path(file).stem for file in files]
    return stems if len(set(stems)) == len(stems) else list(files)


def _read(files: Sequence[str], logits: Sequence[int]) -> AlignedScores:
    aligned = align_scores(files, [load_scores(file) for file in files])
    for number in logits:
        aligned.scores[number - 1] = softmax(aligned.scores[number - 1], axis=1)
    return aligned


def _check_disjoint(val: AlignedScores, test: AlignedScores, args: argparse.Namespace) -> None:
    """Check that no test clip is used for the search."""
    shared = set(val.names) & set(test.names)
    if shared:
        raise UserError(
            f"{args.val[0]}: {len(shared)} of its {len(val.names)} clips are test clips "
            f"('{min(shared)}' in {args.test[0]}): weights are searched on val only"
        )
    if val.scores.shape[2] != test.scores.shape[2]:
        raise UserError(
            f"{args.val[0]}: scores {val.scores.shape[2]} classes, {args.test[0]} "
            f"{test.scores.shape[2]}; give val and test of one benchmark"
        )


def _labels(clips: AlignedScores, split: str) -> np.ndarray:
    unknown = clips.labels < 0
    if unknown.any():
        raise UserError(
            f"--{split}: clip '{clips.names[int(unknown.argmax())]}' has no label in any file "
            f"({unknown.sum()} of {len(unknown)}); the search needs labeled clips"
        )
    return clips.labels


def _report(
    split: str, names: Sequence[str], weights: Sequence[float], clips: AlignedScores
) -> np.ndarray:
    """Print the accuracies of the systems and of their fusion; returns the fused scores [N, C]."""
    fused = fuse_scores(clips.scores, weights)
    title = f"{split}: {len(clips.names)} clips, {fused.shape[1]} classes"
    known = (clips.labels >= 0).all()
    print(title if known else f"{title}; some have no label, so no accuracy is computed")
    width = max(map(len, [*names, "fusion"]))
    for name, weight, scores in [*zip(names, weights, clips.scores), ("fusion", None, fused)]:
        share = " " * 7 if weight is None else f"{weight:7.4g}"
        print(f"  {name:{width}} {share}  {_accuracies(scores, clips) if known else ''}".rstrip())
    return fused


def _accuracies(scores: np.ndarray, clips: AlignedScores) -> str:
    topk = [k for k in (1, 5) if k == 1 or k < scores.shape[1]]
    metric = SignAccuracy(topk=topk)
    metric.process(
        None,
        [
            dict(pred_score=row, gt_label=np.array([label]), frame_dir=name)
            for row, label, name in zip(scores, clips.labels, clips.names, strict=True)
        ],
    )
    metrics = metric.evaluate(len(scores))
    return "  ".join(
        f"{name} {metrics[key]:.4f} [{metrics[f'{key}_low']:.4f}, {metrics[f'{key}_high']:.4f}]"
        for k in topk
        for name, key in (
            (f"top{k} P-I", f"sign/top{k}_pi"),
            (f"top{k} P-C", f"sign/top{k}_pc"),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
