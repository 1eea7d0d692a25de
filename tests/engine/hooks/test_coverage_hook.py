"""CoverageHook reports the coverage of the benchmark with every score."""

import json

import pytest
import torch
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner

from masa_mm.datasets import SignPoseDataset, WLASLPose
from masa_mm.engine.hooks.coverage_hook import CoverageHook, describe

from toys.pose_toys import arrays, make_store

TRAIN = "WLASL100: 2 of 3 official train clips"
VAL = "WLASL100: 1 of 2 official val clips"


class Zero(BaseModel):
    """Scores nothing; what matters is that a score is logged."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, labels, mode):
        return dict(loss=self.weight.sum()) if mode == "loss" else [dict() for _ in labels]


class Half(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [0.5] * len(data_samples)

    def compute_metrics(self, results):
        return dict(accuracy=sum(results) / len(results))


@pytest.fixture
def wlasl(tmp_path):
    """Build WLASLPose of a split: two of three training clips and one of two of val are there."""
    official = {
        name: dict(subset=split, action=[0, 1, 9])
        for name, split in zip("abcde", ["train", "train", "train", "val", "val"])
    }
    (tmp_path / "nslt_100.json").write_text(json.dumps(official))
    for split, ids in dict(train="ab", val="d").items():
        clips = arrays([2] * len(ids)) | dict(ids=list(ids), label=None)
        make_store(tmp_path / f"{split}.safetensors", split=split, **clips)

    def build(split, **changes):
        options = dict(split_file=str(tmp_path / "nslt_100.json")) | changes
        path = str(tmp_path / f"{split}.safetensors")
        return WLASLPose(path, [lambda clip: dict(labels=clip["label"])], split=split, **options)

    return build


def loader(dataset):
    return dict(
        dataset=dataset,
        batch_size=2,
        sampler=dict(type="DefaultSampler", shuffle=False),
        collate_fn=dict(type="default_collate"),
    )


@pytest.fixture
def runner(wlasl, tmp_path, request):
    """A runner of its own name, on datasets, with the hook among the default ones."""

    def build(train=None, val=None, test=None, **kwargs):
        training = dict(
            train_dataloader=loader(train),
            train_cfg=dict(by_epoch=True, max_epochs=2),
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        )
        parts = dict(val=val, test=test)
        return Runner(
            Zero(),
            str(tmp_path / "out"),
            experiment_name=f"{request.node.name}_{len(kwargs)}",
            default_hooks=dict(coverage=CoverageHook()),
            visualizer=dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")]),
            **(training if train is not None else {}),
            **{f"{name}_dataloader": loader(data) for name, data in parts.items() if data},
            **{f"{name}_evaluator": [Half()] for name, data in parts.items() if data},
            **{f"{name}_cfg": dict() for name, data in parts.items() if data},
            **kwargs,
        )

    return build


def score_lines(tmp_path, mode):
    log = max((tmp_path / "out").glob("*/*.log"), key=lambda path: path.stat().st_mtime)
    return [line for line in log.read_text().splitlines() if f"Epoch({mode})" in line]


def test_every_score_of_a_run_carries_the_coverage(runner, wlasl, tmp_path):
    """Validation, a later test of the checkpoint, the scalars and the JSON of the test."""
    runner(train=wlasl("train"), val=wlasl("val")).train()
    lines = score_lines(tmp_path, "val")
    assert len(lines) == 2
    for line in lines:
        assert "accuracy: 0.5" in line and f"coverage: {VAL}; trained on {TRAIN}" in line
    (scalars,) = (tmp_path / "out").glob("*/vis_data/scalars.json")
    entries = [json.loads(line) for line in scalars.read_text().splitlines()]
    found = [entry for entry in entries if "coverage/val_found" in entry]
    numbers = dict(val_found=1, val_official=2, train_found=2, train_official=3)
    expected = {f"coverage/{name}": value for name, value in numbers.items()}
    assert found == [expected | dict(step=1), expected | dict(step=2)]
    checkpoint = tmp_path / "out/epoch_2.pth"
    runner(test=wlasl("val"), load_from=str(checkpoint)).test()
    (line,) = score_lines(tmp_path, "test")
    assert f"coverage: {VAL}; trained on {TRAIN}" in line
    newest = max((tmp_path / "out").glob("*/*.json"), key=lambda path: path.stat().st_mtime)
    assert json.loads(newest.read_text())["coverage"] == f"{VAL}; trained on {TRAIN}"


def test_without_a_benchmark_nothing_is_said(runner, wlasl, tmp_path):
    plain = SignPoseDataset(
        str(tmp_path / "val.safetensors"), [lambda clip: dict(labels=clip["label"])]
    )
    runner(test=plain).test()
    (line,) = score_lines(tmp_path, "test")
    assert "accuracy: 0.5" in line and "coverage" not in line


def test_training_on_other_clips_forgets_those_of_the_loaded_weights(runner, wlasl, tmp_path):
    checkpoint = tmp_path / "pretrained.pth"
    torch.save(dict(state_dict=Zero().state_dict(), meta=dict(coverage="MSASL: all")), checkpoint)
    runner(train=wlasl("train"), val=wlasl("val"), load_from=str(checkpoint)).train()
    assert all("MSASL" not in line for line in score_lines(tmp_path, "val"))


@pytest.mark.parametrize("checkpoint", [{}, dict(meta=None), dict(meta=dict(coverage=[1]))])
def test_foreign_checkpoints_say_nothing(checkpoint):
    hook = CoverageHook()
    hook.after_load_checkpoint(None, checkpoint)
    assert hook._trained_on == ""


def test_wrapped_datasets_are_looked_into(wlasl):
    train, val = wlasl("train"), wlasl("val")
    assert describe(ConcatDataset([train, val])) == f"{TRAIN}, {VAL}"
    assert describe(RepeatDataset(train, 3)) == TRAIN
    assert describe(ClassBalancedDataset(train, 1e-3)) == TRAIN


def test_clips_that_are_not_used_are_told_apart(wlasl):
    assert describe(wlasl("train", label_ratio=0.5)) == f"{TRAIN} (1 of them used)"
    assert describe(wlasl("train", indices=1)) == f"{TRAIN} (1 of them used)"


def test_a_benchmark_without_its_list_has_an_unknown_coverage(wlasl):
    unknown = wlasl("val", split_file=None)
    assert describe(unknown) == "WLASL: 1 clips, coverage unknown without a split_file"
