"""tools/convert_reference_checkpoint.py: its files train on; bad input is one line, no file."""

import importlib.util
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from masa_mm.engine import MomentumAlignmentHook

from toys import reference_network as plain
from toys.paths import ROOT

spec = importlib.util.spec_from_file_location(
    "convert_reference_tool", ROOT / "tools/convert_reference_checkpoint.py"
)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


@pytest.fixture(scope="module")
def theirs():
    return plain.official_weights(plain.official_shapes(plain.TINY))


@pytest.fixture
def folder(tmp_path):
    """With the reference preset's config at a small size."""
    config = Config.fromfile(tool.REFERENCE)
    plain.tiny_config(config.model)
    config.dump(tmp_path / "tiny.py")
    return tmp_path


def save(folder, weights, **changes):
    weights = {f"module.{name}": value for name, value in weights.items()}
    torch.save(dict(epoch=399, state_dict=weights, optimizer={}) | changes, folder / "in.pth.tar")


def run(folder, *options, config="tiny.py"):
    names = [str(folder / "in.pth.tar"), str(folder / "out.pth")]
    return tool.main([*names, "--config", str(folder / config), *options])


def left_behind(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(folder, capsys, *options, **kwargs):
    """The one line of the refusal; nothing may have been written."""
    before = left_behind(folder)
    assert run(folder, *options, **kwargs) == tool.EXIT_USER_ERROR
    assert left_behind(folder) == before
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and printed.err.startswith("error: ")
    return printed.err, printed.out


def test_reports_every_name_with_its_shape(folder, theirs, capsys):
    save(folder, theirs)
    assert run(folder) == 0
    *names, summary = capsys.readouterr().out.strip().splitlines()
    assert len(names) == len(theirs)
    assert {line.split()[1] for line in names} == set(theirs)
    assert "mapped      queue (8, 10) -> alignment.bank.keys" in names
    assert "unused      encoder_k.embed.st_gcn_hand.fcn.1.weight (3, 16, 1, 1)" in names
    assert "0 missing" in summary
    assert left_behind(folder) == ["in.pth.tar", "out.pth", "tiny.py"]


def build(config):
    init_default_scope("mmaction")
    torch.manual_seed(0)
    return MODELS.build(config)


def test_pretraining_goes_on_from_it(folder, theirs):
    """Loads strictly; the momentum copy, the bank and its pointer are theirs, and it trains."""
    save(folder, {**theirs, "queue_ptr": torch.tensor([9])})
    run(folder)
    model = build(Config.fromfile(folder / "tiny.py").model)
    checkpoint = torch.load(folder / "out.pth", weights_only=True)
    assert checkpoint["meta"] == dict(source="in.pth.tar", source_epoch=399)
    model.load_state_dict(checkpoint["state_dict"], strict=True)
    # As a run starts: the hook copies the query branch only into a copy that never was one.
    MomentumAlignmentHook().before_train(SimpleNamespace(model=model))
    key = model.key_encoder.module["backbone"].mask_token
    assert key.equal(theirs["encoder_k.embed.mask_token"][0, 0])
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    total, _ = model.train().parse_losses(model(*plain.batch_of(plain.tiny_inputs()), mode="loss"))
    total.backward()
    optimizer.step()
    model.update_key_encoder()
    bank = model.alignment.bank
    assert bank.clip_ids.tolist() == [1, *[-2] * 8, 0] and int(bank.pointer) == 1
    assert bank.keys[1:9].equal(theirs["queue"].t()[1:9])


@pytest.mark.parametrize("frozen", [False, True])
def test_finetuning_and_probing_start_from_it(folder, theirs, frozen):
    save(folder, theirs)
    run(folder)
    config = Config.fromfile(tool.REFERENCE.with_name("recognizer_reference.py")).model
    config.backbone = Config.fromfile(folder / "tiny.py").model.backbone
    start = dict(type="StrictPretrained", checkpoint=str(folder / "out.pth"))
    config.backbone.update(frozen=frozen, init_cfg=dict(start, prefix="backbone."))
    config.cls_head.update(num_classes=5, in_channels=plain.TINY.embed)
    config.cls_head.pooling.init_cfg = dict(start, prefix="alignment.projector.pooling.")
    model = build(config)
    model.init_weights()
    weights = model.backbone.state_dict()
    assert weights["mask_token"].equal(theirs["encoder_q.embed.mask_token"][0, 0])
    score = model.cls_head.pooling.hand_score.weight
    assert score.equal(theirs["encoder_q.proj.weight_hand.weight"])
    inputs, samples = plain.batch_of(plain.tiny_inputs())
    model.train()(inputs["keypoint"], samples, mode="loss")["loss_cls"].backward()
    assert all(p.requires_grad != frozen for p in model.backbone.parameters())
    assert model.cls_head.fc.weight.grad.any()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"queue": None}, "1 missing (first: queue)"),
        ({"extra.weight": torch.ones(2)}, "1 unexpected (first: extra.weight)"),
        ({"queue": torch.ones(8, 11)}, "1 that do not fit (first: queue (8, 11) for (8, 10))"),
    ],
)
def test_a_name_too_few_too_many_or_of_another_shape(folder, theirs, capsys, changes, message):
    weights = {name: value for name, value in {**theirs, **changes}.items() if value is not None}
    save(folder, weights)
    error, out = refused(folder, capsys)
    assert message in error and "in.pth.tar" in error and not out
    _, out = refused(folder, capsys, "--names")
    assert len(out.splitlines()) >= len(weights)


def test_another_width(folder, theirs, capsys):
    save(folder, theirs)
    error, _ = refused(folder, capsys, config=tool.REFERENCE)
    assert "that do not fit (first: " in error and "in.pth.tar: does not fit" in error


def test_a_prefix_on_some_names_only(folder, theirs, capsys):
    save(folder, theirs)
    checkpoint = torch.load(folder / "in.pth.tar")
    checkpoint["state_dict"]["queue"] = checkpoint["state_dict"].pop("module.queue")
    torch.save(checkpoint, folder / "in.pth.tar")
    error, _ = refused(folder, capsys)
    assert "it must be all or none" in error


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_pickle_that_runs_code(folder, theirs, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    save(folder, theirs, optimizer=Malicious())
    error, _ = refused(folder, capsys)
    assert "refused because it holds" in error and not (folder / "executed").exists()
    (folder / "in.pth.tar").write_bytes(pickle.dumps(Malicious()))
    refused(folder, capsys)
    assert not (folder / "executed").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file(folder, theirs, capsys, share):
    save(folder, theirs)
    content = (folder / "in.pth.tar").read_bytes()
    (folder / "in.pth.tar").write_bytes(content[: int(share * len(content))])
    error, _ = refused(folder, capsys)
    assert "truncated" in error


def test_a_file_that_is_not_there(folder, capsys):
    assert "no such checkpoint" in refused(folder, capsys)[0]


def test_the_file_itself_as_output(folder, theirs, capsys):
    save(folder, theirs)
    path = str(folder / "in.pth.tar")
    content = Path(path).read_bytes()
    assert tool.main([path, path, "--config", str(folder / "tiny.py")]) == tool.EXIT_USER_ERROR
    assert "give another name" in capsys.readouterr().err
    assert Path(path).read_bytes() == content


def test_a_folder_as_input_or_output(folder, theirs, capsys):
    (folder / "out.pth").mkdir()
    save(folder, theirs)
    assert "out.pth: is a folder; give the path" in refused(folder, capsys)[0]
    (folder / "in.pth.tar").unlink()
    (folder / "in.pth.tar").mkdir()
    (folder / "out.pth").rmdir()
    assert "in.pth.tar: is a folder; give the path" in refused(folder, capsys)[0]


@pytest.mark.parametrize("content", [b"hello\n", b"<html>sign in</html>", b"PK\x03\x04"])
def test_a_file_of_another_kind(folder, capsys, content):
    (folder / "in.pth.tar").write_bytes(content)
    assert "cannot be read as a checkpoint" in refused(folder, capsys)[0]


def test_an_interrupted_write_leaves_what_was_there(folder, theirs, monkeypatch):
    save(folder, theirs)
    run(folder)
    content = (folder / "out.pth").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *args: (_ for _ in ()).throw(OSError("full")))
    assert run(folder) == tool.EXIT_USER_ERROR
    assert (folder / "out.pth").read_bytes() == content
    assert left_behind(folder) == ["in.pth.tar", "out.pth", "tiny.py"]
