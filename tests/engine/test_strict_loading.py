"""A run loads all of a checkpoint or says in one line why not; a part of it only when asked to."""

import logging

import pytest
import torch

from masa_mm.engine import CheckpointMismatchError, MomentumAlignmentHook, load_strictly


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
