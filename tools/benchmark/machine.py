"""What the benchmarks share: the machine's matmul rate, its clocks, its load, its memory."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch

from masa_mm.errors import UserError

MATMUL_SIZE = 4096
CLOCKS: dict[str, Callable[[], float]] = dict(wall=time.perf_counter, cpu=time.process_time)


def refuse_cpu_clock_of_threads(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with a usage error where ``--clock cpu`` would add threads up."""
    if args.clock == "cpu" and torch.get_num_threads() > 1:
        parser.error("--clock cpu adds up threads; set OMP_NUM_THREADS=1")


def seconds(action: Callable[[], object], clock: str = "wall") -> float:
    """Seconds that an action takes, of the clock on the wall or of this process's CPU time."""
    now = CLOCKS[clock]
    start = now()
    action()
    return now() - start


class MatmulRate:
    """R: how fast this machine multiplies two float32 matrices of side 4096, in FLOP/s.

    Measured again and again between the things that are held against it, for a shared machine
    changes its speed; the median counts.

    Args:
        clock (str): 'wall' or 'cpu'.
        size (int): Side of the matrices.
    """

    def __init__(self, clock: str = "wall", size: int = MATMUL_SIZE) -> None:
        self.clock = clock
        self.rates: list[float] = []
        generator = torch.Generator().manual_seed(0)
        self._factors = [torch.rand(size, size, generator=generator) for _ in range(2)]
        self._out = torch.empty(size, size)
        self._multiply()

    def _multiply(self) -> None:
        torch.mm(*self._factors, out=self._out)

    def sample(self) -> float:
        """Measure once."""
        flops = 2 * len(self._out) ** 3
        self.rates.append(flops / seconds(self._multiply, self.clock))
        return self.rates[-1]

    @property
    def median(self) -> float:
        """The median of all samples."""
        return statistics.median(self.rates)


def reported(measure: Callable[[], None]) -> int:
    """Measure and say how busy the machine was; what a user can mend is one line.

    Args:
        measure: Measures and prints.

    Returns:
        int: The exit status.
    """
    try:
        measure()
    except (OSError, UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"load {load()} at the end")
    return 0


def machine() -> str:
    """One line on where the figures come from."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s), "
        f"torch {torch.__version__}, load {load()}"
    )


def load() -> str:
    """Load averages of 1, 5 and 15 minutes."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())


def peak_memory() -> float:
    """The most that was resident of this process, in bytes (Linux counts kB)."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
