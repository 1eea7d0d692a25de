"""The study of docs/benchmarks.md: its jobs, and the tables it makes of their results."""

import json

import pytest
from mmengine.config import Config

from toys.benchmark_toys import load
from toys.paths import ROOT


@pytest.fixture(scope="module")
def study():
    return load("wlasl_hands")


def test_every_job_has_a_folder_of_its_own_and_comes_after_what_it_needs(study):
    jobs = list(study.jobs())
    assert len({job.name for job in jobs}) == len(jobs)
    pretrained = set()
    for job in jobs:
        if job.kind == "pretrain":
            pretrained.add((job.arm, job.seed))
        elif study.network_of(job.arm) in study.PRETRAINED:
            assert (study.network_of(job.arm), job.seed) in pretrained


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


def test_report_keeps_shares_of_the_labels_apart(study, tmp_path):
    for ratio, accuracy in ((1.0, 0.5), (0.1, 0.2)):
        job = study.Job("frozen", "raw poses", 0, 300, ratio)
        metrics = dict(top1_pi=accuracy, top5_pi=0.9, top1_pc=0.4, top5_pc=0.8)
        (tmp_path / job.name).mkdir()
        (tmp_path / job.name / "result.json").write_text(
            json.dumps(dict(linear=metrics, knn=metrics, **job.__dict__))
        )
    report = study.report(tmp_path)
    for row in (
        "| raw poses, 100% of the labels | 1 | 50.0 |",
        "| raw poses, 10% of the labels | 1",
    ):
        assert report.count(row) == 2


@pytest.mark.parametrize(("arm", "epochs"), [("masa", 40), ("alignment_only", 20)])
def test_ablations_are_pretrained_as_long_as_what_they_are_compared_with(
    study, tmp_path, monkeypatch, arm, epochs
):
    made = []
    monkeypatch.setattr(study.Runner, "from_cfg", lambda cfg: made.append(cfg) or _Untrained())
    assert study.Study(tmp_path, tmp_path).pretrain(study.Job("pretrain", arm)) == {
        "epochs": epochs
    }
    (cfg,) = made
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == epochs
    assert cfg.default_hooks.checkpoint.interval == epochs


class _Untrained:
    def train(self):
        pass


def test_a_job_that_is_done_is_not_run_again(study, tmp_path):
    job = study.Job("finetune", "scratch", 0, 100)
    (tmp_path / job.name).mkdir()
    (tmp_path / job.name / "result.json").write_text("{}")
    study.Study(tmp_path / "no data", tmp_path).run(job)
    assert (tmp_path / job.name / "result.json").read_text() == "{}"


def test_finetuning_needs_its_pretraining(study, tmp_path):
    with pytest.raises(FileNotFoundError, match="pretraining 'masa' has not finished"):
        study.Study(tmp_path, tmp_path)._checkpoint("masa", 0)


@pytest.mark.parametrize(("ratio", "epochs"), [(0.25, 80), (0.1, 80)])
def test_few_labels_train_for_more_epochs(study, ratio, epochs):
    cfg = Config.fromfile(ROOT / "configs" / "wlasl_hands" / "masa_scratch_tiny_100.py")
    study.repeat_epochs(cfg, ratio)
    assert cfg.train_cfg.max_epochs == epochs
    assert cfg.param_scheduler[-1].end == epochs
