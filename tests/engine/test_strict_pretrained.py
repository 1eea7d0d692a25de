"""StrictPretrained: all weights, or one clear line."""

import os
import pickle

import pytest
import torch
from mmaction.registry import MODELS
from torch import nn

from masa_mm.engine import CheckpointMismatchError, StrictPretrained
from masa_mm.errors import UserError


@pytest.fixture
def checkpoint(tmp_path, encoder_config):
    """A pretraining checkpoint: the encoder under 'backbone.', and other things."""
    torch.manual_seed(1)
    encoder = MODELS.build(encoder_config)
    weights = {f"backbone.{name}": value for name, value in encoder.state_dict().items()}
    weights["decoder.mask_token"] = torch.zeros(24)
    path = tmp_path / "pretrained.pth"
    torch.save(dict(state_dict=weights, meta=dict(epoch=3)), path)
    return path, encoder


def load(path, module, prefix="backbone."):
    StrictPretrained(str(path), prefix)(module)


def refused(path, module, prefix="backbone.", error=CheckpointMismatchError):
    """The message of the refusal; the module must be as it was."""
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(error) as caught:
        load(path, module, prefix)
    for name, value in module.state_dict().items():
        assert value.equal(before[name])
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_loads_every_weight_and_statistic(checkpoint, encoder_config):
    path, source = checkpoint
    source.hand_network.norm.running_mean.fill_(3)
    torch.save({f"backbone.{n}": v for n, v in source.state_dict().items()}, path)
    encoder = MODELS.build(encoder_config)
    load(path, encoder)
    for name, value in encoder.state_dict().items():
        assert value.equal(source.state_dict()[name]), name


@pytest.mark.parametrize("frozen", [False, True])
def test_as_init_cfg_of_the_encoder(checkpoint, encoder_config, frozen):
    path, source = checkpoint
    init_cfg = dict(type="StrictPretrained", checkpoint=str(path), prefix="backbone.")
    model = MODELS.build(
        dict(
            type="SignRecognizer",
            backbone={**encoder_config, "frozen": frozen, "init_cfg": init_cfg},
            cls_head=dict(type="MASAHead", num_classes=3, in_channels=8),
            data_preprocessor=dict(type="SignDataPreprocessor"),
        )
    )
    sources = []
    model._dump_init_info = lambda: sources.extend(
        info["init_info"] for info in model.backbone._params_init_info.values()
    )
    model.init_weights()
    for name, value in model.backbone.state_dict().items():
        assert value.equal(source.state_dict()[name]), name
    # What mmengine's log of initial weights says.
    assert f"StrictPretrained: load from {path}" in sources


def test_what_is_excepted_stays_as_initialised(checkpoint, encoder_config):
    path, source = checkpoint
    gain = "transformer.position_gain"
    with torch.no_grad():
        source.get_parameter(gain).fill_(0.25)
    weights = {f"backbone.{n}": v for n, v in source.state_dict().items()}
    torch.save(weights, path)
    encoder = MODELS.build({**encoder_config, "position_gain": 1.0})
    StrictPretrained(str(path), "backbone.", except_for=[gain])(encoder)
    for name, value in encoder.state_dict().items():
        assert value.equal(torch.tensor(1.0) if name == gain else source.state_dict()[name]), name
    # The checkpoint may lack it.
    torch.save({n: v for n, v in weights.items() if not n.endswith(gain)}, path)
    StrictPretrained(str(path), "backbone.", except_for=[gain])(encoder)


def test_exceptions_that_the_module_does_not_have(checkpoint):
    path, encoder = checkpoint
    with pytest.raises(UserError, match="except_for names position_gain, which MASAEncoder does"):
        StrictPretrained(str(path), "backbone.", except_for=["position_gain"])(encoder)
    with pytest.raises(UserError, match="except_for is a list of names, got 'x'"):
        StrictPretrained(str(path), except_for="x")


def test_a_missing_file(tmp_path):
    message = refused(tmp_path / "no.pth", nn.Linear(2, 2), error=FileNotFoundError)
    assert "no such checkpoint; pretrain first or set init_cfg.checkpoint" in message


def test_another_width(checkpoint, encoder_config):
    wider = MODELS.build({**encoder_config, "embed_dims": 16})
    message = refused(checkpoint[0], wider)
    assert "does not fit MASAEncoder" in message
    assert "of another shape (first: hand_network.linear.weight (8, 8) for (16, 8))" in message


def test_another_depth_names_what_is_missing_and_what_is_too_much(checkpoint, encoder_config):
    deeper = MODELS.build({**encoder_config, "depth": 2})
    assert "12 missing (first: transformer.blocks.1." in refused(checkpoint[0], deeper)
    none = MODELS.build({**encoder_config, "depth": 0})
    assert "12 unexpected (first: transformer.blocks.0." in refused(checkpoint[0], none)


def test_a_wrong_prefix_says_what_there_is(checkpoint, encoder_config):
    message = refused(checkpoint[0], MODELS.build(encoder_config), prefix="encoder.")
    assert "begin with 'encoder.'; it has backbone, decoder" in message


def test_names_beyond_the_module(checkpoint, encoder_config):
    message = refused(checkpoint[0], MODELS.build(encoder_config), prefix="")
    assert "unexpected" in message and "missing" in message


def test_the_authors_file_as_it_is_names_the_converter(tmp_path, encoder_config):
    path = tmp_path / "checkpoint0400.pth.tar"
    names = ("module.embed.st_gcn_hand.A", "module.encoder.layer.0.attn.w_q.weight")
    torch.save(dict(epoch=400, state_dict={name: torch.zeros(2) for name in names}), path)
    message = refused(path, MODELS.build(encoder_config))
    assert f"tools/convert_reference_checkpoint.py {path} OUT.pth" in message


@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_truncated_file(checkpoint, encoder_config, kept):
    path, _ = checkpoint
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert "truncated" in refused(path, MODELS.build(encoder_config), error=Exception)


def test_a_file_that_holds_no_weights_by_name(tmp_path, encoder_config):
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    message = refused(tmp_path / "tensor.pth", MODELS.build(encoder_config))
    assert "holds Tensor, not weights by name" in message


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    "save", [torch.save, lambda data, path: path.write_bytes(pickle.dumps(data))]
)
def test_nothing_of_a_file_is_executed(tmp_path, encoder_config, save):
    save(dict(state_dict=Bomb(str(tmp_path / "boom"))), tmp_path / "bomb.pth")
    refused(tmp_path / "bomb.pth", MODELS.build(encoder_config), error=Exception)
    assert not (tmp_path / "boom").exists()
