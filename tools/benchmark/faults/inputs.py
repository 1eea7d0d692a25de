"""Give the commands malformed inputs of every kind, and count how they end.

    python tools/benchmark/faults/inputs.py --number 2000
    python tools/benchmark/faults/inputs.py --kind spoter --trial 17    # one again, with its output

A valid input is mutated (input_mutations.py) and read by the real command in a process of its own,
with a limit of time and memory. Every second process writes to an output that takes ASCII only.
Each trial depends on the seed, its kind and its number alone.

- ok: the command ended well, and the store it made passes its own check.
- refused: lines 'error: ...' without a traceback or a control character, and no file.
- traceback, signal, hang, memory, executed, garbled (an error of several lines, or one with control
  characters), leftover (a file in spite of the error), accepted (a store that fails its check):
  faults.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import input_mutations
from input_twins import KINDS, OUT, Kind

from masa_mm.pose.store import PoseStore

# Limits of a trial: processor time, time of the clock (for what waits), and memory.
CPU_SECONDS, SECONDS, BYTES = 10, 60.0, 2 << 30
GOOD = ("ok", "refused")
CLASSES = (
    *GOOD,
    *("traceback", "signal", "hang", "memory", "executed", "garbled", "leftover", "accepted"),
)
_TRACEBACK, _BAD_STORE = 70, 71


class Trial(NamedTuple):
    """How one malformed input ended."""

    kind: str
    number: int
    mutation: str
    file: str
    result: str
    output: str

    @property
    def is_fault(self) -> bool:
        """Whether it ended badly; the valid input, trial 0, must not be refused."""
        return self.result not in (GOOD if self.number else GOOD[:1])

    @property
    def summary(self) -> str:
        """The result, the mutation and the last line of the output."""
        place = f"{self.kind}, trial {self.number} ({self.mutation} of {self.file})"
        return f"{self.result}: {place}: {self.output.strip().rpartition(chr(10))[2][:300]!a}"


def run_trial(kind: Kind, number: int, seed: int, folder: Path) -> Trial:
    """Make a malformed input in an empty folder and give it to the command."""
    rng = random.Random(f"{seed}/{kind.name}/{number}")
    kind.make(folder)
    files = sorted(path for path in (folder / "given").rglob("*") if path.is_file())
    file, name = rng.choice(files), "none"
    if number > 0:  # trial 0 is the valid input
        name = input_mutations.mutate(file, rng)
    result, output = run_command(kind, folder, ascii_only=number % 2 == 1)
    return Trial(kind.name, number, name, str(file.relative_to(folder)), result, output)


def run_command(kind: Kind, folder: Path, ascii_only: bool) -> tuple[str, str]:
    """Run a kind's command in a folder, in a process of its own; return its class and output."""
    log = folder / "log"
    process = os.fork()
    if process == 0:
        _child(kind, folder, log, ascii_only)
    status = _wait(process)
    output = log.read_text(encoding="utf-8", errors="replace")
    return classify(status, output, folder), output


def _child(kind: Kind, folder: Path, log: Path, ascii_only: bool) -> None:
    """Run the command and end the process."""
    code = _TRACEBACK
    try:
        os.chdir(folder)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, 1), os.dup2(descriptor, 2)
        encoding = "ascii" if ascii_only else "utf-8"
        sys.stdout = os.fdopen(1, "w", encoding=encoding, closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding=encoding, errors="backslashreplace", closefd=False)
        _limit_resources()
        code = kind.command()
        if code == 0 and Path(OUT).exists():
            code = _BAD_STORE
            PoseStore(OUT).check()
            code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)


def _limit_resources() -> None:
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + CPU_SECONDS, -1))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _wait(process: int) -> int | None:
    """Return the status of a process; None if it was killed after the limit of time."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def classify(status: int | None, output: str, folder: Path) -> str:
    """Name how a command ended."""
    if (folder / "executed").exists():
        return "executed"
    if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return "hang"
    if os.WIFSIGNALED(status):
        return "signal"
    if "MemoryError" in output or "bad_alloc" in output or "Cannot allocate memory" in output:
        return "memory"
    code = os.WEXITSTATUS(status)
    if code == _TRACEBACK or "Traceback (most recent" in output:
        return "traceback"
    if code == _BAD_STORE:
        return "accepted"
    return "ok" if code == 0 else _classify_refusal(output, folder)


def _classify_refusal(output: str, folder: Path) -> str:
    lines = output.splitlines()
    if re.search(r"[^\n -~\u00a0-\U0010ffff]", output) or not re.search(
        r"^(error|failed): ", output, re.M
    ):
        return "garbled"
    if not lines[-1].startswith(("error: ", "usage: ")) and "clips failed" not in lines[-1]:
        return "garbled"
    made = [
        path for path in (folder / "made").rglob("*") if path.suffix in (".safetensors", ".part")
    ]
    return "leftover" if made else "refused"


def run_trials(kinds: Iterable[Kind], numbers: Sequence[int], seed: int) -> Iterator[Trial]:
    """Run the trials of some kinds, one after the other."""
    cv2.setNumThreads(0)  # threads do not survive a fork
    for kind in kinds:
        for number in numbers:
            folder = Path(tempfile.mkdtemp(prefix="malformed"))
            try:
                yield run_trial(kind, number, seed, folder)
            finally:
                shutil.rmtree(folder)


def table(trials: Sequence[Trial]) -> str:
    """Return the counts of each kind as a Markdown table."""
    kinds = list(dict.fromkeys(trial.kind for trial in trials))
    rows = [["kind", "inputs", *CLASSES], ["---"] * (len(CLASSES) + 2)]
    for name in [*kinds, "all"]:
        of_kind = [trial for trial in trials if name in (trial.kind, "all")]
        counts = Counter(trial.result for trial in of_kind)
        rows.append([name, str(len(of_kind)), *(str(counts[result]) for result in CLASSES)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign; the exit code is 1 if there are faults."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=2000, help="malformed inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", nargs="+", metavar="KIND", help="only these kinds")
    parser.add_argument("--trial", type=int, help="only this trial of the kind, with its output")
    args = parser.parse_args(argv)
    kinds = [kind for kind in KINDS if not args.kind or kind.name in args.kind]
    if len(kinds) < len(args.kind or ()):
        parser.error(f"kinds are {', '.join(kind.name for kind in KINDS)}")
    each = -(-args.number // len(kinds))
    numbers = range(each + 1) if args.trial is None else [args.trial]
    trials = []
    for trial in run_trials(kinds, numbers, args.seed):
        trials.append(trial)
        if args.trial is not None:
            print(trial.output)
        if trial.is_fault:
            print(trial.summary, flush=True)
    print(table([trial for trial in trials if trial.number > 0 or args.trial == 0]))
    return 1 if any(trial.is_fault for trial in trials) else 0


if __name__ == "__main__":
    sys.exit(main())
