"""Finetuning, probing and mixing with the configs: one epoch of training, then testing."""

import pytest
import torch

from masa_mm.compat import load_from_local


@pytest.fixture
def train_and_test(call, tmp_path, capfd):
    """Train a config for one epoch and test the checkpoint; return weights and all output."""

    def run(config, changes):
        argv = ["--work-dir", tmp_path]
        changes = [*changes, "train_cfg.max_epochs=1"]
        assert call("train", config, *argv, changes=changes) == 0
        checkpoint = tmp_path / "epoch_1.pth"
        without = [c for c in changes if "init_cfg" not in c]
        assert call("test", config, checkpoint, *argv, changes=without) == 0
        return load_from_local(checkpoint)["state_dict"], capfd.readouterr().out

    return run


def test_mmaction2s_stgcnpp_on_sign_poses(train_and_test, changes):
    small = dict(base_channels=8, num_stages=2, inflate_stages="[2]", down_stages="[2]")
    small = {f"model__backbone__{key}": value for key, value in small.items()}
    _, out = train_and_test(
        "mix_stgcnpp_wlasl100.py", changes.options(**small, model__cls_head__in_channels=16)
    )
    assert "WLASL100: 32 of 33 official train clips" in out
    scores = [line for line in out.splitlines() if "sign/top1_pi:" in line]
    assert "Epoch(val) [1]" in scores[0] and "Epoch(test)" in scores[-1]
    trained_on = "trained on WLASL100: 32 of 33 official train clips"
    assert f"WLASL100: 8 of 8 official val clips; {trained_on}" in scores[0]
    assert f"WLASL100: 8 of 8 official test clips; {trained_on}" in scores[-1]


def test_masas_encoder_in_mmaction2s_recogniser(train_and_test, changes):
    weights, out = train_and_test(
        "mix_masa_encoder_gcnhead_wlasl100.py",
        changes.encoder(model__cls_head__in_channels=16),
    )
    assert weights["cls_head.fc.weight"].shape == (100, 16)
    assert "sign/top5_pc" in out


def test_a_linear_probe_does_not_change_the_pretrained_encoder(
    call, train_and_test, changes, tmp_path
):
    pretrained = tmp_path / "pretrained"
    argv = ["masa_pretrain_wlasl.py", "--work-dir", pretrained]
    short = dict(train_cfg__max_epochs=1, default_hooks__checkpoint__interval=1)
    assert call("train", *argv, changes=changes.masa(**short)) == 0
    source = pretrained / "epoch_1.pth"
    weights, _ = train_and_test(
        "masa_probe_wlasl300.py",
        changes.encoder(
            model__backbone__init_cfg__checkpoint=source, model__cls_head__in_channels=16
        ),
    )
    expected = load_from_local(source)["state_dict"]
    backbone = {name: v for name, v in weights.items() if name.startswith("backbone.")}
    assert backbone
    torch.testing.assert_close(backbone, {name: expected[name] for name in backbone})
    assert weights["cls_head.fc.bias"].any()  # it starts at 0
