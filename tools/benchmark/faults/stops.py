"""Stop training by Ctrl-C and SIGTERM, and measure how long that takes.

Commands of tools/train.py and tools/dist_train.sh train with two workers each. They get SIGINT as
from a terminal, all processes at once, or SIGTERM, the first process alone, at a random moment of
training. Measured are the times from the signal to the end of the iteration that is under way (with
several processes, of the one after it), from there to the line that says how to resume, and from
this line to the end of the command and its workers.

    python tools/benchmark/faults/stops.py --repeats 5
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from training import CONFIG

TOOLS = Path(__file__).parents[2]
STEP = 0.3  # seconds of an iteration
MORE = """
custom_imports = dict(imports=["masa_mm", "masa_mm.engine", "stops"])
custom_hooks = [dict(type="StopsHook")]
train_cfg = dict(by_epoch=True, max_epochs=1000, val_interval=1000)
train_dataloader.update(num_workers=2)
"""
SAVE = 'default_hooks.update(save_on_sigterm=dict(type="SaveOnSigtermHook"))'


@HOOKS.register_module()
class StopsHook(Hook):
    """Makes iterations long, and notes their ends in a file."""

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Go on for some time like a computation, which no signal ends."""
        end = time.monotonic() + STEP
        while time.monotonic() < end:
            time.sleep(0.01)
        with open(os.environ["STOPS_ITERATIONS"], "a") as file:
            print(time.time(), file=file)


class Stop(NamedTuple):
    """How long a stop took, in seconds."""

    iteration: float  # from the signal to the end of the last iteration
    line: float  # from there to the line about resuming
    end: float  # from the line to the end of the command


def stop(folder: Path, processes: int, number: int, save: bool) -> Stop:
    """Start a run in an empty folder and stop it by a signal.

    Args:
        folder (Path): Folder for the run.
        processes (int): Number of processes.
        number (int): The signal.
        save (bool): Save a checkpoint at SIGTERM.
    """
    text = CONFIG.replace("{hook}", "DurableCheckpointHook") + MORE + SAVE * save
    (folder / "config.py").write_text(text)
    iterations, output = folder / "iterations", folder / "output"
    train = [sys.executable, TOOLS / "train.py", "config.py"]
    several = ["bash", TOOLS / "dist_train.sh", "config.py", str(processes)]
    path = os.pathsep.join(map(str, (TOOLS.parent, Path(__file__).parent)))
    environment = {**os.environ, "PYTHONPATH": path, "STOPS_ITERATIONS": str(iterations)}
    with output.open("w") as file:
        command = subprocess.Popen(
            train if processes == 1 else several,
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        at = _signal(command, number, iterations, processes)
        return _measure(command, number, at, iterations, output)


def _signal(command: subprocess.Popen, number: int, iterations: Path, processes: int) -> float:
    """Send the signal when some iterations are done, and return the time."""
    while not iterations.exists() or len(_times(iterations)) < 10 * processes:
        if command.poll() is not None:
            sys.exit((iterations.parent / "output").read_text())
        time.sleep(0.05)
    time.sleep(random.uniform(0, 4 * STEP))
    at = time.time()
    (os.killpg if number == signal.SIGINT else os.kill)(command.pid, number)
    return at


def _measure(
    command: subprocess.Popen, number: int, at: float, iterations: Path, output: Path
) -> Stop:
    said = 0.0
    while command.poll() is None:
        if not said and "stopped by" in output.read_text():
            said = time.time()
        time.sleep(0.002)
    while _has_processes(command.pid):
        time.sleep(0.002)
    ended = time.time()
    if not said or command.returncode != 128 + number:
        sys.exit(f"exit code {command.returncode}: {output.read_text()}")
    last = max([at, *_times(iterations)])
    return Stop(last - at, said - last, ended - said)


def _has_processes(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _times(path: Path) -> list[float]:
    return [float(line) for line in path.read_text().splitlines(keepends=True) if "\n" in line]


def main() -> None:
    """Stop runs of each kind and print the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="stops of each kind")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="of a run")
    args = parser.parse_args()
    kinds = (signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)
    print("processes, signal: median and longest time in seconds")
    for processes in args.processes:
        for number, save in kinds:
            stops = list(_stops(args.repeats, processes, number, save))
            name = number.name + " with SaveOnSigtermHook" * save
            times = ", ".join(
                f"{part} {statistics.median(values):.2f} ({max(values):.2f})"
                for part, values in zip(Stop._fields, zip(*stops))
            )
            print(f"{processes}, {name}: {times}", flush=True)


def _stops(repeats: int, processes: int, number: int, save: bool) -> Iterator[Stop]:
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            yield stop(Path(folder), processes, number, save)


if __name__ == "__main__":
    main()
