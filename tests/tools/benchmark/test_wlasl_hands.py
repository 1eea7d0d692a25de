"""The study of docs/benchmarks.md: its jobs, and the tables it makes of their results."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def study():
    path = ROOT / "tools" / "benchmark" / "wlasl_hands.py"
    spec = importlib.util.spec_from_file_location("wlasl_hands_study", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_job_has_a_folder_of_its_own_and_comes_after_what_it_needs(study):
    jobs = list(study.jobs())
    assert len({job.name for job in jobs}) == len(jobs)
    pretrained = set()
    for job in jobs:
        if job.kind == "pretrain":
            pretrained.add(job.arm)
        elif job.arm in study.PRETRAINED:
            assert job.arm in pretrained


def test_report_gives_mean_and_spread_in_percent(study, tmp_path):
    for seed, accuracy in enumerate((0.5, 0.6, 0.7)):
        job = study.Job("finetune", "scratch", seed, 100, 0.1)
        metrics = dict(top1_pi=accuracy, top5_pi=0.9, top1_pc=0.4, top5_pc=0.8)
        result = dict(finetune=metrics, **job.__dict__)
        (tmp_path / job.name).mkdir()
        (tmp_path / job.name / "result.json").write_text(json.dumps(result))
    report = study.report(tmp_path)
    expected = "| scratch, 10% of the labels | 3 | 60.0 ± 10.0 | 90.0 ± 0.0 | 40.0 ± 0.0 |"
    assert expected in report


def test_a_job_that_is_done_is_not_run_again(study, tmp_path):
    job = study.Job("finetune", "scratch", 0, 100)
    (tmp_path / job.name).mkdir()
    (tmp_path / job.name / "result.json").write_text("{}")
    study.Study(tmp_path / "no data", tmp_path).run(job)
    assert (tmp_path / job.name / "result.json").read_text() == "{}"


def test_finetuning_needs_its_pretraining(study, tmp_path):
    with pytest.raises(FileNotFoundError, match="pretraining 'masa' has not finished"):
        study.Study(tmp_path, tmp_path)._checkpoint("masa")


@pytest.mark.parametrize(("ratio", "epochs"), [(0.25, 80), (0.1, 80)])
def test_few_labels_train_for_more_epochs(study, ratio, epochs):
    cfg = Config.fromfile(ROOT / "configs" / "wlasl_hands" / "masa_scratch_tiny_100.py")
    study.repeat_epochs(cfg, ratio)
    assert cfg.train_cfg.max_epochs == epochs
    assert cfg.param_scheduler[-1].end == epochs
