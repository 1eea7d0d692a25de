"""What a step would take on many GPUs, computed from counts of this program and stated rates.

Nothing here is measured. Gradients go by ring all-reduce, 2 (W - 1) / W times their bytes; keys of
the memory bank and their clips' ids by ring all-gather; some single numbers at a latency each. The
rings share the slower of a GPU's link within its node and all network cards of a node together,
and reach its full rate. All wait for the process with the most frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope
from pretrain_step import read_config
from synthetic_clips import clip_lengths

from masa_mm.datasets.balanced_batches import NO_CLIP, distribute


class Rates(NamedTuple):
    """Assumptions, all in SI units."""

    flops_of_clip: float = 25.4e9  # counted: docs/performance.md, clips of 30 to 150 frames
    peak: float = 989e12  # H200, bfloat16, dense; by its data sheet
    utilisation: float = 0.4  # what issue and docs aim at, not measured
    gpus_of_node: int = 8
    link_in_node: float = 450e9  # NVLink of a GPU, bytes/s each way
    link_between: float = 400e9  # eight cards of 400 Gbit/s to a node
    latency: float = 30e-6  # of a collective

    def link(self, gpus: int) -> float:
        """What a ring through so many GPUs can carry."""
        alone = gpus <= self.gpus_of_node
        return self.link_in_node if alone else min(self.link_in_node, self.link_between)


class Traffic(NamedTuple):
    """What a process of a model exchanges in a step."""

    gradient_bytes: int
    key_bytes: int  # a clip

    @classmethod
    def of(cls, config: str, changes: list[str]) -> Traffic:
        """Counted from a config's model: float32 gradients; keys in the bank's type, ids int64."""
        init_default_scope("mmaction")
        model = MODELS.build(read_config(config, changes).model)
        trained = [p for p in model.parameters() if p.requires_grad]
        keys = model.alignment.bank.keys
        return cls(
            sum(p.numel() * p.element_size() for p in trained),
            keys.shape[1] * keys.element_size() + 8,
        )


# Counts of masked frames, of clips, of finite losses; and of keys, before these are gathered.
SMALL_EXCHANGES = 4
BATCH_SIZES = (64, 256)
# A card of 400 Gbit/s to each of a node's eight GPUs, and one to the node.
LINKS_BETWEEN = (400e9, 50e9)


def projected(args: argparse.Namespace, folder: Path) -> Iterator[tuple[str, ...]]:
    """Lines of a Markdown table: a batch size and a number of GPUs each."""
    traffic = Traffic.of(args.config, args.cfg_options)
    yield (f"{traffic}",)
    names = ("GPUs", "clips each", "computing", "waiting", "waiting, not dealt out")
    names += ("gradients", "keys", "step", "step, overlapped", "efficiency", "overlapped")
    for link_between in LINKS_BETWEEN:
        rates = Rates(link_between=link_between)
        yield (f"{rates}",)
        yield names
        yield ("---",) * len(names)
        for batch_size in BATCH_SIZES:
            for gpus in args.gpus:
                yield line(step_times(rates, traffic, gpus, batch_size), gpus, batch_size)


class StepTimes(NamedTuple):
    """Seconds of a step's parts."""

    compute: float
    waiting: float
    undealt: float
    gradients: float
    keys: float

    @property
    def step(self) -> float:
        """One after the other."""
        return self.compute + self.waiting + self.gradients + self.keys

    @property
    def overlapped(self) -> float:
        """Gradients exchanged while the backward pass, two thirds of the computing, goes on."""
        hidden = min(self.gradients, 2 / 3 * self.compute)
        return self.step - hidden


def step_times(rates: Rates, traffic: Traffic, gpus: int, batch_size: int) -> StepTimes:
    """A step of ``gpus`` processes with ``batch_size`` clips each."""
    compute = batch_size * rates.flops_of_clip / (rates.utilisation * rates.peak)
    if gpus == 1:
        return StepTimes(compute, 0, 0, 0, 0)
    link, share = rates.link(gpus), (gpus - 1) / gpus
    dealt, undealt = (compute * excess for excess in waiting_shares(gpus, batch_size))
    keys = share * gpus * batch_size * traffic.key_bytes / link
    return StepTimes(
        compute,
        dealt,
        undealt,
        2 * share * traffic.gradient_bytes / link + rates.latency,
        keys + (1 + SMALL_EXCHANGES) * rates.latency,
    )


def waiting_shares(gpus: int, batch_size: int, steps: int = 20) -> tuple[float, float]:
    """How much more frames than the mean the fullest process has, dealt out and not dealt out."""
    lengths = clip_lengths(steps * gpus * batch_size)
    lengths = np.random.default_rng(0).permutation(lengths).reshape(steps, -1)
    places = distribute(lengths, gpus)
    step = np.arange(steps)[:, None, None]
    frames = np.where(places == NO_CLIP, 0, lengths[step, places])
    both = frames.sum(1), lengths.reshape(steps, gpus, batch_size).sum(2)
    return tuple(float((sums.max(1) / sums.mean(1)).mean() - 1) for sums in both)


def line(times: StepTimes, gpus: int, batch_size: int) -> tuple[str, ...]:
    """A line of the table: milliseconds, and clips/s over those of as many GPUs alone."""
    parts = [*times, times.step, times.overlapped]
    shown = [f"{1e3 * part:.2f} ms" for part in parts]
    efficiency = [f"{100 * times.compute / step:.0f} %" for step in (times.step, times.overlapped)]
    return (str(gpus), str(batch_size), *shown, *efficiency)
