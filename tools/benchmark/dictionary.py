"""Find the signs of WLASL-hands by one or five examples each: the tables of docs/benchmarks.md.

    python tools/benchmark/dictionary.py CHECKPOINT data/wlasl_hands work_dirs/dictionary
    python tools/benchmark/dictionary.py --speed

The queries are the validation clips of each official list, the examples are drawn from its training
clips, three times. Embeddings and distances are kept in the output folder. --speed measures the
search in 100,000 random unit vectors, also by faiss if it is installed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS

from masa_mm.atomic_write import atomic_write
from masa_mm.evaluation.frozen_features import calibrate_batch_norm
from masa_mm.evaluation.retrieval import Estimate, retrieval_metrics
from masa_mm.evaluation.time_warping import pose_sequence, warping_distances
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.dictionary import SignDictionary
from masa_mm.inference.dictionary_evaluation import gloss_ranks
from masa_mm.inference.stored_pose import part_clip
from masa_mm.inference.trained_model import ENCODER_PIPELINE, TrainedModel, read_training
from masa_mm.inference.whitening import half_whitening
from masa_mm.pose.files import read_json
from masa_mm.pose.store import PoseStore

SUBSETS = (100, 300, 2000)
EXAMPLES = (1, 5)
SEEDS = (0, 1, 2)
METRICS = ("recall@1", "recall@5", "recall@10", "mrr", "dcg")
# Rows of the table that embed clips: a network, how it is used.
NETWORKS = ("pretrained", "random")
_BATCH = 64


class Clips(NamedTuple):
    """Clips of a split that show a hand."""

    ids: list[str]
    clips: list[PoseClip]


def read_clips(data: Path, split: str) -> Clips:
    """Read the store of a split."""
    store = PoseStore(data / f"wlasl_hands_{split}.safetensors")
    clips = []
    for index, name in enumerate(store.ids.tolist()):
        keypoint, score = (each.astype(np.float32) for each in store.clip(index))
        clips.append(PoseClip(name, np.concatenate([keypoint, score[..., None]], -1), None))
    kept = [clip for clip in clips if len(part_clip(clip).hand_frames)]
    return Clips([clip.name for clip in kept], kept)


def open_network(name: str, checkpoint: str, data: Path) -> TrainedModel:
    """Open the pretrained network, or one of its kind with random weights."""
    model = TrainedModel(checkpoint)
    if name == "random":
        torch.manual_seed(0)
        backbone = MODELS.build({**read_training(checkpoint).cfg.model.backbone, "init_cfg": None})
        train = str(data / "wlasl_hands_train.safetensors")
        options = dict(pipeline=list(ENCODER_PIPELINE), indices=1000, test_mode=True)
        dataset = DATASETS.build(dict(type="SignPoseDataset", ann_file=train, **options))
        calibrate_batch_norm(backbone, dataset)
        model.network.backbone = backbone.eval()
    return model


def embed(model: TrainedModel, clips: Clips) -> dict[str, np.ndarray]:
    """Embed clips as the dictionary does (by halves), and as wholes."""
    dictionary = SignDictionary(model)
    parts: dict[str, list[np.ndarray]] = dict(halves=[], whole=[])
    for start in range(0, len(clips.clips), _BATCH):
        batch = clips.clips[start : start + _BATCH]
        parts["halves"].append(dictionary.embed(batch))
        parts["whole"].append(np.stack([each.embedding for each in model.recognize(batch)]))
    return {name: np.concatenate(each) for name, each in parts.items()}


def cached(path: Path, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays of a file, which is computed if it is missing."""
    if not path.exists():
        begin = time.perf_counter()
        arrays = compute()
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        print(f"{path.name}: {time.perf_counter() - begin:.0f} s", flush=True)
    with np.load(path) as file:
        return dict(file)


# ---- similarities of all queries to some examples --------------------------------------------

Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]


def by_embedding(val: np.ndarray, train: np.ndarray, whiten: bool) -> Similarity:
    """Compare embeddings by cosine similarity."""

    def similarity(queries: np.ndarray, examples: np.ndarray) -> np.ndarray:
        known, asked = train[examples], val[queries]
        if whiten:
            weights = half_whitening(known)
            known, asked = known @ weights, asked @ weights
        return unit(asked) @ unit(known).T

    return similarity


def unit(vectors: np.ndarray) -> np.ndarray:
    """Divide vectors by their lengths."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def arms(args: argparse.Namespace, val: Clips, train: Clips) -> dict[str, Similarity]:
    """Compute the rows of the table."""
    rows: dict[str, Similarity] = {}
    for network in NETWORKS:
        model = open_network(network, args.checkpoint, args.data)
        found = [
            cached(args.out / f"{network}_{split}.npz", partial(embed, model, clips))
            for split, clips in (("val", val), ("train", train))
        ]
        rows[f"{network} network"] = by_embedding(*(each["halves"] for each in found), True)
        whole = by_embedding(*(each["whole"] for each in found), False)
        rows[f"{network} network, whole clip, plain cosine"] = whole

    def distances() -> dict[str, np.ndarray]:
        val_poses, train_poses = (
            np.stack([pose_sequence(*part_clip(clip)) for clip in each.clips])
            for each in (val, train)
        )
        return dict(distances=warping_distances(val_poses, train_poses))

    warping = cached(args.out / "warping.npz", distances)["distances"]
    rows["time warping of raw poses"] = lambda queries, examples: (
        -warping[np.ix_(queries, examples)]
    )
    return rows


# ---- draws and tables ------------------------------------------------------------------------


class Draw(NamedTuple):
    """Numbers of the queries and of the examples, and the classes of both."""

    queries: np.ndarray
    examples: np.ndarray
    query_class: np.ndarray
    example_class: np.ndarray


def draws(data: Path, subset: int, per_gloss: int, val: Clips, train: Clips) -> Iterator[Draw]:
    """Draw the examples of each gloss from the training clips of an official list."""
    official = read_json(data / f"nslt_{subset}.json")

    def classes(clips: Clips, split: str) -> np.ndarray:
        entries = [official.get(name) for name in clips.ids]
        return np.array([e["action"][0] if e and e["subset"] == split else -1 for e in entries])

    val_class, train_class = classes(val, "val"), classes(train, "train")
    queries = np.flatnonzero((val_class >= 0) & np.isin(val_class, train_class))
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(np.flatnonzero(train_class >= 0))
        order = order[np.argsort(train_class[order], kind="stable")]
        starts = np.searchsorted(train_class[order], train_class[order])
        examples = np.sort(order[np.arange(len(order)) - starts < per_gloss])
        yield Draw(queries, examples, val_class[queries], train_class[examples])


def score(similarity: Similarity, found: list[Draw]) -> dict[str, Estimate]:
    """Compute the metrics of a row over the draws."""
    ranks = [
        gloss_ranks(
            similarity(draw.queries, draw.examples),
            draw.example_class.tolist(),
            draw.query_class.tolist(),
        )
        for draw in found
    ]
    return retrieval_metrics(np.stack(ranks))


def print_tables(args: argparse.Namespace) -> None:
    """Compute and print all tables."""
    val, train = read_clips(args.data, "val"), read_clips(args.data, "train")
    rows = arms(args, val, train)
    for subset in SUBSETS:
        for per_gloss in EXAMPLES:
            found = list(draws(args.data, subset, per_gloss, val, train))
            glosses = len(np.unique(found[0].example_class))
            examples = f"{len(found[0].examples)} examples of {glosses} glosses"
            print(f"\n{examples}, {len(found[0].queries)} queries\n")
            print(f"| | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
            for name, similarity in rows.items():
                metrics = score(similarity, found)
                cells = " | ".join(str(metrics[metric]) for metric in METRICS)
                print(f"| {name} | {cells} |", flush=True)


# ---- speed -----------------------------------------------------------------------------------


def print_speed(num_vectors: int = 100_000, dim: int = 384, num_queries: int = 200) -> None:
    """Print build time, median time of a query and recall of the 10 nearest."""
    rng = np.random.default_rng(0)
    vectors, queries = (
        unit(rng.normal(size=(n, dim)).astype(np.float32)) for n in (num_vectors, num_queries)
    )

    def exact(query: np.ndarray) -> np.ndarray:
        similarity = vectors @ query
        return np.argpartition(-similarity, 10)[:10]

    truth = [set(exact(query).tolist()) for query in queries]
    print_line("numpy, exact", 0.0, exact, queries, truth)
    try:
        import faiss
    except ImportError:
        print("faiss is not installed")
        return
    faiss.omp_set_num_threads(1)
    kinds = {"faiss, exact": "Flat", "faiss, 316 cells": "IVF316,Flat", "faiss, graph": "HNSW32"}
    for name, kind in kinds.items():
        begin = time.perf_counter()
        index = faiss.index_factory(dim, kind, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        built = time.perf_counter() - begin
        settings = dict(nprobe=64) if "IVF" in kind else dict(efSearch=512)
        for key, value in settings.items() if kind != "Flat" else ():
            faiss.ParameterSpace().set_index_parameter(index, key, value)
        print_line(name, built, partial(_nearest, index), queries, truth)


def _nearest(index: Any, query: np.ndarray) -> np.ndarray:
    return index.search(query[None], 10)[1][0]


def print_line(
    name: str,
    built: float,
    search: Callable[[np.ndarray], np.ndarray],
    queries: np.ndarray,
    truth: list[set[int]],
) -> None:
    """Measure a search and print its line."""
    times, hits = [], []
    for query, right in zip(queries, truth):
        begin = time.perf_counter()
        found = search(query)
        times.append(time.perf_counter() - begin)
        hits.append(len(right & set(found.tolist())) / len(right))
    median = 1e3 * np.median(times)
    print(f"{name}: build {built:.1f} s, query {median:.2f} ms, recall@10 {np.mean(hits):.2f}")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", help="of masa_pretrain_tiny on WLASL-hands")
    parser.add_argument("data", nargs="?", type=Path, help="folder of stores and official lists")
    parser.add_argument("out", nargs="?", type=Path, help="folder of what is computed")
    parser.add_argument("--speed", action="store_true", help="measure the search instead")
    args = parser.parse_args(argv)
    if not args.speed and args.out is None:
        parser.error("give CHECKPOINT, DATA and OUT, or --speed")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the study."""
    args = parse_args(argv)
    torch.set_num_threads(1)
    if args.speed:
        print_speed()
    else:
        print_tables(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
