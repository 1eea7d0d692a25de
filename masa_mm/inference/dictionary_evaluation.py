"""How well a dictionary finds the sign of a clip, beside time warping of the raw poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from masa_mm.evaluation.accuracy import true_class_ranks
from masa_mm.evaluation.retrieval import Estimate, best_of_gloss, retrieval_metrics
from masa_mm.evaluation.time_warping import pose_sequence, warping_distances
from masa_mm.inference.dictionary import Example, SignDictionary
from masa_mm.inference.stored_pose import part_clip, restore_pose, store_pose

_BATCH = 256  # queries whose similarities are in memory at once


class DictionaryScores(NamedTuple):
    """Result of :func:`evaluate_dictionary`.

    Attributes:
        num_queries (int): Queries that were searched.
        num_examples (int): Examples of the dictionary.
        num_glosses (int): Glosses of the dictionary.
        unknown (int): Queries left out because their gloss is not in the dictionary.
        known (int): Queries left out because they are examples of the dictionary themselves.
        metrics (dict): 'embedding' and 'time warping' -> name of a metric -> estimate.
    """

    num_queries: int
    num_examples: int
    num_glosses: int
    unknown: int
    known: int
    metrics: dict[str, dict[str, Estimate]]


def evaluate_dictionary(dictionary: SignDictionary, queries: Sequence[Example]) -> DictionaryScores:
    """Search labelled clips and compute recall at k, MRR and DCG of their glosses.

    Time warping compares the raw poses of the same clips
    (:mod:`masa_mm.evaluation.time_warping`).

    Raises:
        UserError: If the dictionary is empty, no query is left, or a query shows no hand.
    """
    keys, glosses = set(dictionary.examples), set(dictionary.glosses)
    is_known = np.array([(each.gloss, each.clip.name) in keys for each in queries], bool)
    is_unknown = np.array([each.gloss not in glosses for each in queries], bool)
    used = [queries[i] for i in np.flatnonzero(~is_known & ~is_unknown).tolist()]
    metrics = {
        "embedding": retrieval_metrics(_embedding_ranks(dictionary, used)),
        "time warping": retrieval_metrics(_warping_ranks(dictionary, used)),
    }
    counts = len(used), len(keys), len(glosses), int(is_unknown.sum()), int(is_known.sum())
    return DictionaryScores(*counts, metrics)


def gloss_ranks(
    similarity: np.ndarray, examples: Sequence[str], queries: Sequence[str]
) -> np.ndarray:
    """Rank the gloss of each query, int64 [Q]; 0 is the best.

    Args:
        similarity (np.ndarray): [Q, N].
        examples (Sequence[str]): Gloss of each of the N examples.
        queries (Sequence[str]): Gloss of each of the Q queries; one of those of the examples.
    """
    label_of = {gloss: label for label, gloss in enumerate(dict.fromkeys(examples))}
    labels = np.array([label_of[gloss] for gloss in examples])
    scores = best_of_gloss(similarity, labels, len(label_of))
    return true_class_ranks(scores, np.array([label_of[gloss] for gloss in queries], np.int64))


def _embedding_ranks(dictionary: SignDictionary, queries: Sequence[Example]) -> np.ndarray:
    examples, ranks = [gloss for gloss, _ in dictionary.examples], [np.zeros(0, np.int64)]
    for start in range(0, len(queries), _BATCH):
        batch = queries[start : start + _BATCH]
        similarity = dictionary.similarities(dictionary.embed([each.clip for each in batch]))
        ranks.append(gloss_ranks(similarity, examples, [each.gloss for each in batch]))
    return np.concatenate(ranks)


def _warping_ranks(dictionary: SignDictionary, queries: Sequence[Example]) -> np.ndarray:
    content = dictionary.content()
    examples = np.stack([pose_sequence(*restore_pose(pose)) for pose in content.pose])
    poses = [restore_pose(store_pose(part_clip(each.clip))) for each in queries]
    sequences = np.array([pose_sequence(*pose) for pose in poses], np.float32)
    distances = warping_distances(sequences.reshape(-1, *examples.shape[1:]), examples)
    return gloss_ranks(-distances, content.glosses, [each.gloss for each in queries])
