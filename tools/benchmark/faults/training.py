"""Kill training at random moments and while it saves, resume it, and compare the weights.

A run of a small network is killed by SIGKILL several times. After each kill all checkpoints must
load, and a run that had a checkpoint must still have one. The run is resumed, by the code of
tools/train.py, until it ends; its weights, its best weights and its list of files must then be
those of a run without a kill.

    python tools/benchmark/faults/training.py --random 200 --aimed 50
    python tools/benchmark/faults/training.py --hook CheckpointHook  # mmengine's, for comparison
    python tools/benchmark/faults/training.py --processes 2 --random 20 --aimed 10

With several processes a random kill meets one of them or all at once; like torchrun, the campaign
then ends the others.

Processes are forked from one that has imported everything, so that a start costs little.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest import mock

import torch
import torch._dynamo  # imported by optimizers otherwise, in every process
from mmaction.registry import DATASETS, METRICS, MODELS
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.utils.dl_utils import collect_env
from run_differences import describe_differences
from torch import Tensor, nn

import masa_mm.engine  # noqa: F401  (registers the hooks)
from masa_mm.apis import cli
from masa_mm.engine.latest_checkpoint import describe_damage

CONFIG = """
default_scope = "mmaction"
model = dict(type="FaultsModel")
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type="FaultsDataset", noise=0.1),
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
)
val_dataloader = dict(
    batch_size=4,
    dataset=dict(type="FaultsDataset", noise=0.1),
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="default_collate"),
)
val_evaluator = dict(type="FaultsAccuracy")
train_cfg = dict(by_epoch=True, max_epochs=16, val_interval=1)
val_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="AdamW", lr=0.05))
param_scheduler = [dict(type="CosineAnnealingLR", T_max=96, by_epoch=False)]
default_hooks = dict(
    checkpoint=dict(
        type="{hook}", interval=1, max_keep_ckpts=1, save_best="accuracy"
    ),
    epoch_seed=dict(type="EpochSeedHook"),
    sync_statistics=dict(type="SyncStatisticsHook"),
)
randomness = dict(seed=1)
"""
KILLS_A_RUN = 5
PATIENCE = 3.0  # seconds from SIGTERM to SIGKILL


@DATASETS.register_module()
class FaultsDataset(torch.utils.data.Dataset):
    """24 samples with noise, which depends on the random numbers of the loading process.

    Args:
        noise (float): Deviation of the noise; validation has none.
    """

    def __init__(self, noise: float) -> None:
        self.noise = noise
        self.inputs = torch.randn(24, 6, generator=torch.Generator().manual_seed(0))
        self.labels = (self.inputs[:, 0] > 0).long()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return dict(inputs=self.inputs[i] + self.noise * torch.randn(6), labels=self.labels[i])


@MODELS.register_module()
class FaultsModel(BaseModel):
    """A network with dropout whose loss depends on its running statistics.

    Like a momentum copy, the network in evaluation mode is one of its targets.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(6, 64), nn.BatchNorm1d(64), nn.Dropout(), nn.Linear(64, 2)
        )

    def forward(self, inputs: Tensor, labels: Tensor, mode: str = "tensor") -> dict | list:
        """Compute the loss, or whether each sample is right."""
        scores = self.net(inputs)
        if mode == "loss":
            with torch.no_grad():
                target = self.net.eval()(inputs)
            self.net.train()
            losses = nn.functional.cross_entropy, nn.functional.mse_loss
            return dict(loss=losses[0](scores, labels), loss_own=losses[1](scores, target))
        return (scores.argmax(1) == labels).tolist()


@METRICS.register_module()
class FaultsAccuracy(BaseMetric):
    """Accuracy."""

    def process(self, data_batch: dict, data_samples: list) -> None:
        """Collect the samples of a batch."""
        self.results += [float(right) for right in data_samples]

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average over the samples."""
        return dict(accuracy=sum(results) / len(results))


class Processes:
    """The processes of a run that trains in a folder; an interrupted run is resumed.

    Args:
        folder (Path): Folder of the run, beside its config.
        number (int): Number of the processes.
        prepare (Callable): Called in the first process before it trains.
    """

    def __init__(
        self, folder: Path, number: int, prepare: Callable[[], None] = lambda: None
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.ids = [self._start(folder, rank, number, port, prepare) for rank in range(number)]

    @staticmethod
    def _start(folder: Path, rank: int, number: int, port: int, prepare: Callable[[], None]) -> int:
        process = os.fork()
        if process:
            return process
        code = 1
        try:
            log = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if rank == 0:
                prepare()
            argv = [str(folder.parent / "config.py"), "--work-dir", str(folder), "--resume"]
            if number > 1:
                os.environ |= dict(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
                os.environ |= dict(RANK=str(rank), WORLD_SIZE=str(number), LOCAL_RANK=str(rank))
                argv += ["--launcher", "pytorch"]
            code = cli.train(argv)
        finally:
            os._exit(code)

    def kill(self, numbers: list[int]) -> None:
        """Send SIGKILL to some of them."""
        for number in numbers:
            os.kill(self.ids[number], signal.SIGKILL)

    def wait(self) -> int:
        """Wait for all and return 0, or how the first one failed; then the others are ended."""
        running, failed, since = set(self.ids), 0, 0.0
        while running:
            process, status = os.waitpid(-1, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status)
            running.discard(process)
            if process and code and not failed:
                failed, since = code, time.monotonic()
                signal_all(running, signal.SIGTERM)
            elif failed and time.monotonic() - since > PATIENCE:
                signal_all(running, signal.SIGKILL)
            elif not process:
                time.sleep(0.001)
        return failed


def signal_all(processes: Iterable[int], number: int) -> None:
    """Send a signal to processes of this campaign that were not waited for yet."""
    for process in processes:
        os.kill(process, number)


def kill_at_event(number: int, after: bool) -> Callable[[], None]:
    """Let a process kill itself at one of its calls that flush, rename or remove a file."""

    def prepare() -> None:
        events = [0]

        def killing(call: Callable) -> Callable:
            def called(*args: object, **kwargs: object) -> object:
                events[0] += 1
                if events[0] == number and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
                try:
                    return call(*args, **kwargs)
                finally:
                    if events[0] == number:
                        os.kill(os.getpid(), signal.SIGKILL)

            return called

        for name in ("fsync", "replace", "unlink", "remove"):
            mock.patch.object(os, name, killing(getattr(os, name))).start()

    return prepare


class Campaign:
    """Counts what kills do to runs.

    Args:
        folder (Path): Folder for the runs.
        hook (str): The checkpoint hook.
        seed (int): Seed of the moments of the kills.
        processes (int): Number of processes of a run.
    """

    def __init__(self, folder: Path, hook: str, seed: int, processes: int = 1) -> None:
        self.folder, self.random, self.processes = folder, random.Random(seed), processes
        self.counts: collections.Counter[str] = collections.Counter()
        self.notes: list[str] = []
        (folder / "config.py").write_text(CONFIG.replace("{hook}", hook))
        begin = time.monotonic()
        self.whole = folder / "whole"
        if self._start(self.whole).wait():
            sys.exit((folder / "whole.log").read_text())
        self.seconds = time.monotonic() - begin

    def run(self, kills: int, aimed: bool, name: str) -> int:
        """Kill a run some times, let it end, and return how many kills met it before its end."""
        folder = self.folder / name
        met = 0
        for _ in range(kills):
            had = bool(list(folder.glob("*.pth")))
            code = self._aimed(folder) if aimed else self._random(folder)
            met += code == -signal.SIGKILL
            self._note(folder, had, code)
            if code == 0:
                break
        code = self._start(folder).wait()
        self.counts["runs that do not resume"] += code != 0
        differences = describe_differences(folder, self.whole)
        self.counts["runs with other weights, logs or files"] += bool(differences)
        self.notes += [f"{name}: {line}" for line in differences]
        self.counts["leftovers"] += len(list(folder.glob(".*")))
        self.counts["runs"] += 1
        return met

    def _start(self, folder: Path, prepare: Callable[[], None] = lambda: None) -> Processes:
        return Processes(folder, self.processes, prepare)

    def _random(self, folder: Path) -> int:
        run = self._start(folder)
        time.sleep(self.random.uniform(0, self.seconds / 2))
        everyone = list(range(self.processes))
        run.kill(self.random.choice([everyone, [self.random.choice(everyone)]]))
        return run.wait()

    def _aimed(self, folder: Path) -> int:
        # A run of 16 epochs has about 300 of these calls.
        number, after = self.random.randrange(1, 60), self.random.random() < 0.5
        return self._start(folder, kill_at_event(number, after)).wait()

    def _note(self, folder: Path, had: bool, code: int) -> None:
        checkpoints = list(folder.glob("*.pth"))
        runs = [path for path in checkpoints if not path.name.startswith("best_")]
        self.counts["kills"] += code == -signal.SIGKILL
        self.counts["runs lost"] += had and not runs
        self.counts["corrupt checkpoints"] += sum(map(is_corrupt, checkpoints))
        record = folder / "last_checkpoint"
        if record.exists() and not Path(record.read_text()).is_file():
            self.counts["wrong last_checkpoint"] += 1


def is_corrupt(path: Path) -> bool:
    """Whether a checkpoint does not load; the best one has no optimizer state."""
    return describe_damage(path) not in ("", "without optimizer")


def main(argv: list[str] | None = None) -> int:
    """Run the campaign and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--random", type=int, default=200, help="kills at random moments")
    parser.add_argument("--aimed", type=int, default=50, help="kills while saving")
    parser.add_argument("--processes", type=int, default=1, help="processes of a run")
    parser.add_argument("--hook", default="DurableCheckpointHook", help="the checkpoint hook")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    args = parser.parse_args(argv)
    failed = 0
    make_starts_cheap()
    with tempfile.TemporaryDirectory() as folder:
        for kind, kills in (("random", args.random), ("aimed", args.aimed)):
            if kills:
                place = Path(folder) / kind
                place.mkdir()
                campaign = Campaign(place, args.hook, args.seed, args.processes)
                failed += report(kind, kills, campaign)
    return int(failed > 0)


def make_starts_cheap() -> None:
    """Replace what takes half of a process's time and has no part in training or saving."""
    environment = collect_env()
    mock.patch("mmengine.runner.runner.collect_env", lambda: environment).start()
    mock.patch("mmengine.config.config.FormatCode", lambda text, **_: (text, True)).start()


def report(kind: str, kills: int, campaign: Campaign) -> int:
    """Make the kills of a kind, print what they did and return the number of failures."""
    met = number = 0
    while met < kills and number < 3 * kills:  # some attempts come after the end of a run
        met += campaign.run(min(KILLS_A_RUN, kills - met), kind == "aimed", f"run{number}")
        number += 1
    counts = dict(campaign.counts)
    done = {name: counts.pop(name, 0) for name in ("kills", "runs")}
    print(f"{kind}: {done['kills']} kills of {done['runs']} runs of {campaign.seconds:.1f} s")
    for name, count in counts.items():
        print(f"  {count} {name}")
    print(*(f"    {note}" for note in campaign.notes), sep="\n", flush=True)
    return sum(counts.values())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
