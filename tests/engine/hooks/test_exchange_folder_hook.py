"""ExchangeFolderHook: where the predictions of several processes are exchanged."""

from types import SimpleNamespace

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.evaluator import BaseMetric, Evaluator

from masa_mm.engine import ExchangeFolderHook


class Count(BaseMetric):
    """The number of collected results, from a folder that only the first process removes."""

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return {f"{self.prefix}_count": len(results)}


def runner(work_dir, *metrics):
    evaluator = Evaluator(list(metrics))
    return SimpleNamespace(work_dir=work_dir, val_evaluator=evaluator, test_evaluator=evaluator)


@pytest.mark.parametrize("moment", ["before_val_epoch", "before_test_epoch"])
def test_the_folder_is_in_the_work_directory(tmp_path, moment):
    plain, own, gpu = Count(), Count(collect_dir="own"), Count(collect_device="gpu")
    getattr(ExchangeFolderHook(), moment)(runner(tmp_path, plain, own, gpu))
    assert plain.collect_dir == str(tmp_path / ".predictions")
    assert own.collect_dir == "own" and gpu.collect_dir is None


def evaluate(rank, folder):
    dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    run = runner(f"{folder}/run", Count(prefix="a"), Count(prefix="b"))
    ExchangeFolderHook().before_val_epoch(run)
    for _ in range(5):
        for _ in range(3):
            run.val_evaluator.process([], None)
        assert run.val_evaluator.evaluate(6) == {"a/a_count": 6, "b/b_count": 6}


def test_two_metrics_of_two_processes_share_it_and_take_over_what_a_kill_left(tmp_path):
    left = tmp_path / "run/.predictions"
    left.mkdir(parents=True)
    (left / "part_1.pkl").write_bytes(b"of a killed process")
    mp.spawn(evaluate, (str(tmp_path),), nprocs=2)
    assert not left.exists()
