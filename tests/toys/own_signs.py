"""Folders of a user's signs: pose files by rtmlib, the tutorial's frames, and CSV files."""

from __future__ import annotations

import argparse
import csv

import numpy as np

from masa_mm.preparation.new_dataset.clips import LabelledClips

from toys.source_toys import SIZE, in_layout, pose

# Options of a source, as the command line gives them.
OPTIONS = argparse.Namespace(
    labels=None,
    class_list=None,
    first_label=0,
    split=None,
    source_name="mine",
    source="rtmlib",
    img_size=None,
    units="pixels",
    allow_missing=False,
    skip_bad=False,
)


def write_clip(path, seed=0, frames=6):
    """Write a clip of rtmlib's arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    keypoint, score = in_layout(*pose(frames, seed), "coco_wholebody")
    np.savez(path, keypoints=keypoint, scores=score, img_shape=SIZE)


def write_frames(folder, seed=0, frames=6):
    """Write a sequence of the tutorial's frames, without a face: 258 numbers each."""
    folder.mkdir(parents=True)
    keypoint, score = in_layout(*pose(frames, seed), "mediapipe_holistic")
    place = keypoint / SIZE[::-1] * (score[..., None] > 0)
    depth = np.zeros((frames, 75, 1))
    joints = np.concatenate([place, depth], axis=2)
    body = np.concatenate([joints[:, :33], score[:, :33, None]], axis=2)
    rows = np.concatenate([body.reshape(frames, -1), joints[:, 33:].reshape(frames, -1)], axis=1)
    for number, row in enumerate(rows):
        np.save(folder / f"{number}.npy", row)


def write_table(path, *rows):
    """Write a CSV file of dicts."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def labelled(counts, signer=None, split=None):
    """Clips with so many takes of each sign; 'signer' and 'split' have an entry for each."""
    label = np.repeat(np.arange(len(counts)), counts)
    names = [f"sign{number}" for number in range(len(counts))]
    ids = [f"{names[number]}/{index}" for index, number in enumerate(label)]
    unknown = [""] * len(label)
    return LabelledClips(ids, label, names, list(signer or unknown), list(split or unknown))
