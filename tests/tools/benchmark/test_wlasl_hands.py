"""The study of docs/benchmarks.md: its jobs, and the tables it makes of their results."""

import json

import pytest
from mmengine.config import Config

from toys.benchmark_toys import load_script
from toys.paths import ROOT

study = load_script("wlasl_hands")


def write_result(folder, job, **scores):
    (folder / job.name).mkdir()
    (folder / job.name / "result.json").write_text(json.dumps(scores | vars(job)))


def metrics(top1):
    return dict(top1_pi=top1, top5_pi=0.9, top1_pc=0.4, top5_pc=0.8)


def test_jobs_have_unique_folders_and_follow_their_pretraining():
    jobs = list(study.jobs())
    assert len({job.name for job in jobs}) == len(jobs)
    pretrained = set()
    for job in jobs:
        if job.kind == "pretrain":
            pretrained.add((job.arm, job.seed))
        elif study.network_of(job.arm) in study.PRETRAINED:
            assert (study.network_of(job.arm), job.seed) in pretrained


def test_report_gives_mean_and_standard_deviation_in_percent(tmp_path):
    for seed, top1 in enumerate((0.5, 0.6, 0.7)):
        job = study.Job("finetune", "scratch", seed, 100, 0.1)
        write_result(tmp_path, job, finetune=metrics(top1))
    expected = "| scratch, 10% of the labels | 3 | 60.0 ± 10.0 | 90.0 ± 0.0 | 40.0 ± 0.0 |"
    assert expected in study.report(tmp_path)


def test_report_separates_shares_of_the_labels(tmp_path):
    for ratio, top1 in ((1.0, 0.5), (0.1, 0.2)):
        job = study.Job("frozen", "raw poses", 0, 300, ratio)
        write_result(tmp_path, job, linear=metrics(top1), knn=metrics(top1))
    report = study.report(tmp_path)
    assert report.count("| raw poses, 100% of the labels | 1 | 50.0 |") == 2
    assert report.count("| raw poses, 10% of the labels | 1 | 20.0 |") == 2


def test_a_job_with_a_result_is_skipped(tmp_path):
    job = study.Job("finetune", "scratch", 0, 100)
    write_result(tmp_path, job)
    before = (tmp_path / job.name / "result.json").read_text()
    study.Study(tmp_path / "no data", tmp_path).run(job)
    assert (tmp_path / job.name / "result.json").read_text() == before


@pytest.mark.parametrize("arm, epochs", [("masa", 40), ("alignment_only", 20)])
def test_a_pretraining_has_the_epochs_of_its_arm(tmp_path, monkeypatch, arm, epochs):
    configs = []

    class Untrained:
        def __init__(self, cfg):
            configs.append(cfg)

        def train(self):
            pass

    monkeypatch.setattr(study.Runner, "from_cfg", Untrained)
    job = study.Job("pretrain", arm)
    study.Study(tmp_path, tmp_path).run(job)
    result = json.loads((tmp_path / job.name / "result.json").read_text())
    assert (result["epochs"], result["arm"]) == (epochs, arm)
    (cfg,) = configs
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == epochs


def test_finetuning_needs_its_pretraining(tmp_path):
    with pytest.raises(FileNotFoundError, match="pretraining 'masa' has not finished"):
        study.Study(tmp_path, tmp_path)._checkpoint("masa", 0)


@pytest.mark.parametrize("ratio", [0.25, 0.1])
def test_few_labels_train_for_more_epochs(ratio):
    cfg = Config.fromfile(ROOT / "configs" / "wlasl_hands" / "masa_scratch_tiny_100.py")
    study.repeat_epochs(cfg, ratio)
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == 80
