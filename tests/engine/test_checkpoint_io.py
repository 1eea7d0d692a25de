"""Checkpoints load completely or raise an error, and are written whole."""

import logging
import os
import pickle

import pytest
import torch
from mmaction.registry import HOOKS, MODELS
from mmengine.config import Config
from mmengine.fileio import get_file_backend
from torch import nn

from masa_mm.engine import (
    AtomicBackend,
    CheckpointMismatchError,
    MomentumAlignmentHook,
    StrictPretrained,
    load_strictly,
)
from masa_mm.errors import UserError

from toys.paths import ROOT

# ---- StrictPretrained --------------------------------------------------------------------------


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


def load_error(path, module, prefix="backbone.", error=CheckpointMismatchError):
    """The message of the error; the module must not change."""
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
    message = load_error(tmp_path / "no.pth", nn.Linear(2, 2), error=FileNotFoundError)
    assert "no such checkpoint; pretrain first or set init_cfg.checkpoint" in message


def test_another_width(checkpoint, encoder_config):
    wider = MODELS.build({**encoder_config, "embed_dims": 16})
    message = load_error(checkpoint[0], wider)
    assert "does not fit MASAEncoder" in message
    assert "of another shape (first: hand_network.linear.weight (8, 8) for (16, 8))" in message


def test_another_depth_names_what_is_missing_and_what_is_too_much(checkpoint, encoder_config):
    deeper = MODELS.build({**encoder_config, "depth": 2})
    assert "12 missing (first: transformer.blocks.1." in load_error(checkpoint[0], deeper)
    none = MODELS.build(encoder_config)
    none.transformer.blocks = torch.nn.ModuleList()
    assert "12 unexpected (first: transformer.blocks.0." in load_error(checkpoint[0], none)


def test_a_wrong_prefix_says_what_there_is(checkpoint, encoder_config):
    message = load_error(checkpoint[0], MODELS.build(encoder_config), prefix="encoder.")
    assert "start with 'encoder.'; its names start with backbone, decoder" in message


def test_names_beyond_the_module(checkpoint, encoder_config):
    message = load_error(checkpoint[0], MODELS.build(encoder_config), prefix="")
    assert "unexpected" in message and "missing" in message


def test_the_authors_file_as_it_is_names_the_converter(tmp_path, encoder_config):
    path = tmp_path / "checkpoint0400.pth.tar"
    names = ("module.embed.st_gcn_hand.A", "module.encoder.layer.0.attn.w_q.weight")
    torch.save(dict(epoch=400, state_dict={name: torch.zeros(2) for name in names}), path)
    message = load_error(path, MODELS.build(encoder_config))
    assert f"tools/convert_reference_checkpoint.py {path} OUT.pth" in message


@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_truncated_file(checkpoint, encoder_config, kept):
    path, _ = checkpoint
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert "truncated" in load_error(path, MODELS.build(encoder_config), error=Exception)


def test_a_file_that_holds_no_weights_by_name(tmp_path, encoder_config):
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    message = load_error(tmp_path / "tensor.pth", MODELS.build(encoder_config))
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
    load_error(tmp_path / "bomb.pth", MODELS.build(encoder_config), error=Exception)
    assert not (tmp_path / "boom").exists()


# ---- load_strictly -----------------------------------------------------------------------------


@pytest.fixture
def runner(make_runner, tmp_path):
    def make(**how):
        runner = make_runner(tmp_path / "run")
        load_strictly(runner, **how)
        return runner

    return make


@pytest.fixture
def saved(make_runner, tmp_path):
    """A file with another model's weights, changed as asked, and those weights."""

    def save(prefix="", add=(), drop=(), **entries):
        torch.manual_seed(7)
        source = make_runner(tmp_path / "source").model
        for parameter in source.parameters():
            torch.nn.init.normal_(parameter)
        weights = {n: v for n, v in source.state_dict().items() if not n.startswith(tuple(drop))}
        weights |= {name: torch.zeros(2) for name in add}
        named = {prefix + name: value for name, value in weights.items()}
        torch.save(dict(state_dict=named, **entries), tmp_path / "c.pth")
        return str(tmp_path / "c.pth"), weights

    return save


def refused(runner, path):
    with pytest.raises(CheckpointMismatchError) as caught:
        runner.load_checkpoint(path)
    message = str(caught.value)
    assert path in message and "\n" not in message and len(message) < 500
    return message


@pytest.mark.parametrize("prefix", ["", "module."])
def test_loads_what_fits_to_the_last_name(runner, saved, prefix):
    path, weights = saved(prefix)
    run = runner()
    run.load_checkpoint(path)
    for name, value in run.model.state_dict().items():
        assert value.equal(weights[name]), name


def test_names_too_few_and_too_many(runner, saved):
    path, weights = saved(drop=["decoder."], add=["cls_head.fc.bias"])
    message = refused(runner(partly=False), path)
    missing = [name for name in runner().model.state_dict() if name not in weights]
    assert (
        f"does not fit the config's MASA: {len(missing)} missing (first: {missing[0]})" in message
    )
    assert "1 unexpected (first: cls_head.fc.bias)" in message
    assert "load_partly=True" in message
    # Where it has no say, in testing and resuming, it is not offered.
    assert "load_partly" not in refused(runner(), path) + refused(runner(resume=True), path)


def test_another_shape(runner, saved):
    path, _ = saved(add=["alignment.bank.keys"])
    assert "of another shape (first: alignment.bank.keys (2,) for (" in refused(runner(), path)


@pytest.mark.parametrize("partly", [False, True])
@pytest.mark.parametrize(
    "content", [[1, 2], torch.zeros(3), dict(state_dict=[1]), dict(state_dict={"a": 1}), {1: 2}]
)
def test_no_weights_by_name(runner, tmp_path, content, partly):
    torch.save(content, tmp_path / "c.pth")
    assert "not weights by name" in refused(runner(partly=partly), str(tmp_path / "c.pth"))


def test_a_part_is_loaded_when_asked_for_and_said(runner, saved, monkeypatch):
    path, weights = saved(drop=["decoder."], add=["cls_head.fc.bias"])
    run = runner(partly=True)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    said = []
    monkeypatch.setattr(
        "masa_mm.engine.checkpoint_io.print_log",
        lambda text, logger, level: said.append((level, text)),
    )
    run.load_checkpoint(path)
    for name, value in run.model.state_dict().items():
        assert value.equal(weights.get(name, before[name])), name
    ((level, text),) = said
    fit = len(weights) - 1
    assert level == logging.WARNING and f"{fit} of the {len(before)} weights of MASA" in text
    assert "1 unexpected (first: cls_head.fc.bias)" in text


def test_a_part_of_nothing_is_refused(runner, saved):
    path, _ = saved(prefix="encoder_q.")
    assert "none of its" in refused(runner(partly=True), path)


def test_weights_alone_are_nothing_to_resume(runner, saved):
    path, _ = saved(meta=dict(epoch=3, iter=9), message_hub={})
    message = refused(runner(resume=True), path)
    assert "without optimizer, param_schedulers; start a new run" in message
    assert f"load_from={path}" in message
    path, _ = saved()
    assert "without epoch, iter, message_hub, optimizer" in refused(runner(resume=True), path)


def test_a_run_without_schedules_resumes_without_them(make_runner, tmp_path):
    def make(**changes):
        return make_runner(tmp_path, [MomentumAlignmentHook()], param_scheduler=None, **changes)

    make(epochs=1).train()
    again = make(epochs=2, resume=True, load_from=f"{tmp_path}/epoch_1.pth")
    load_strictly(again, resume=True)
    again.train()
    assert again.epoch == 2


# ---- AtomicBackend -----------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    backend, path = AtomicBackend(), tmp_path / "epoch_1.pth"
    backend.put(b"whole", path)
    with pytest.raises(TypeError):
        backend.put(12, path)
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_our_runs_write_checkpoints_by_it(make_runner, tmp_path, monkeypatch):
    """With the checkpoint hook of the configs; a write that is cut short leaves the old file."""
    hooks = Config.fromfile(ROOT / "configs/_base_/default_runtime.py").default_hooks
    runner = make_runner(
        tmp_path,
        [MomentumAlignmentHook()],
        epochs=2,
        default_hooks=dict(checkpoint=hooks.checkpoint),
    )
    runner.train()
    (whole,) = tmp_path.glob("*.pth")
    content = whole.read_bytes()
    backend_args = HOOKS.build(hooks.checkpoint).backend_args
    assert isinstance(get_file_backend(backend_args=backend_args), AtomicBackend)

    def cut_short(self, obj, filepath):
        with open(filepath, "wb") as file:
            file.write(obj[: len(obj) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr("mmengine.fileio.LocalBackend.put", cut_short)
    with pytest.raises(KeyboardInterrupt):
        runner.save_checkpoint(str(tmp_path), whole.name, backend_args=backend_args)
    assert whole.read_bytes() == content
    assert list(tmp_path.glob("*.pth")) == [whole]
