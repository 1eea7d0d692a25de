"""A checkpoint with a damaged optimizer, schedule or count is refused before the first step."""

import copy
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.optim import LinearLR, OptimWrapper

from masa_mm.engine import CheckpointMismatchError, MomentumAlignmentHook, load_strictly
from masa_mm.engine.run_state import describe_unfit_state


def make_run(kind=torch.optim.AdamW, **options):
    """A run of two groups of weights after one step, and its checkpoint."""
    weights = [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(4))]
    optimizer = kind([dict(params=[weights[0]], lr=0.1), dict(params=[weights[1]])], **options)
    schedule = LinearLR(optimizer, start_factor=0.5, end=5)
    sum(weight.sum() for weight in weights).backward()
    optimizer.step()
    run = SimpleNamespace(optim_wrapper=OptimWrapper(optimizer), param_schedulers=[schedule])
    hub = dict(log_scalars={}, runtime_info={}, resumed_keys={})
    checkpoint = dict(
        meta=dict(epoch=1, iter=1),
        message_hub=hub,
        optimizer=run.optim_wrapper.state_dict(),
        param_schedulers=[schedule.state_dict()],
    )
    return run, copy.deepcopy(checkpoint)


def changed(path, value):
    """The checkpoint with one value replaced, or removed for ``del``."""
    run, checkpoint = make_run()
    *parents, last = path
    holder = checkpoint
    for key in parents:
        holder = holder[key]
    if value is del_:
        del holder[last]
    else:
        holder[last] = value
    return run, checkpoint


del_ = "(deleted)"  # a string, so that all workers of pytest name the cases alike
STATE, GROUP = ("optimizer", "state", 0), ("optimizer", "param_groups", 0)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.AdamW, dict(lr=0.1)),
        (torch.optim.Adam, dict(lr=0.1, amsgrad=True)),
        (torch.optim.SGD, dict(lr=0.1)),
        (torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
        (torch.optim.Adagrad, dict(lr=0.1)),
    ],
)
def test_a_sound_state_is_accepted(kind, options):
    run, checkpoint = make_run(kind, **options)
    assert describe_unfit_state(checkpoint, run) == ""


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("meta", "epoch"), "two", "meta.epoch is 'two'"),
        (("meta", "iter"), -1, "meta.iter is a int, not a count"),
        (("message_hub", "log_scalars"), del_, "message_hub.log_scalars is no dict"),
        (("message_hub",), 5, "message_hub.log_scalars is no dict"),
        (("optimizer",), [], "optimizer is no dict of param_groups and state"),
        (("optimizer", "state"), 5, "optimizer is no dict of param_groups and state"),
        (("optimizer", "param_groups"), [], "optimizer has 0 param_groups for 2"),
        (GROUP, None, "param_groups[0] is no dict"),
        ((*GROUP, "params"), [0, 1, 2], "param_groups[0] has 3 weights for 1"),
        ((*GROUP, "params"), [1], "name a weight twice"),
        ((*GROUP, "lr"), "fast", "param_groups[0].lr is 'fast', not a number"),
        ((*GROUP, "betas"), del_, "param_groups[0] has no betas"),
        ((*GROUP, "betas"), (0.9,), "param_groups[0].betas is a tuple, not 2 numbers"),
        ((*STATE, "exp_avg"), torch.ones(3), "exp_avg is a tensor [3] for a weight of [2, 3]"),
        ((*STATE, "exp_avg"), "x", "exp_avg is 'x' for a weight of [2, 3]"),
        ((*STATE, "exp_avg_sq"), del_, "state[0] has no exp_avg_sq"),
        ((*STATE, "step"), torch.ones(2), "step is a tensor [2], not a number"),
        (STATE, 7, "state[0] is a int, not a dict"),
        (("optimizer", "state", 9), {}, "an entry 9 that belongs to no weight"),
        ((*GROUP, "amsgrad"), 5, "param_groups[0].amsgrad is a int, not a flag"),
        ((*GROUP, "amsgrad"), True, "state[0] has no max_exp_avg_sq"),
        ((*GROUP, "params"), [[]], "param_groups[0] is no dict with a list of params"),
        (("param_schedulers", 0, "param_name"), "x", "param_name is 'x', not 'lr'"),
        (("param_schedulers",), 3, "param_schedulers is a int, not a list"),
        (("param_schedulers",), [], "it has 0 param_schedulers for 1"),
        (("param_schedulers", 0), 3, "param_schedulers[0] is a int, not a dict"),
        (("param_schedulers", 0, "last_step"), "x", "last_step is 'x', not a number"),
        (("param_schedulers", 0, "base_values"), [1], "base_values is a list, not 2 numbers"),
    ],
    ids=str,
)
def test_a_damaged_state_is_named(path, value, words):
    run, checkpoint = changed(path, value)
    assert words in describe_unfit_state(checkpoint, run)


def leaves(content, path=()):
    """Paths of all values in nested dicts and lists."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused_or_trains(data):
    """What is accepted must load and step."""
    _, sound = make_run()
    # What is missing as a whole is found before.
    path = data.draw(st.sampled_from([path for path in leaves(sound) if len(path) > 1]))
    values = (None, 5, "x", [], {}, [1], torch.ones(2), torch.ones(2, 3), del_)
    run, checkpoint = changed(path, data.draw(st.sampled_from(values)))
    if describe_unfit_state(checkpoint, run):
        return
    run.optim_wrapper.load_state_dict(checkpoint["optimizer"])
    run.param_schedulers[0].load_state_dict(checkpoint["param_schedulers"][0])
    run.optim_wrapper.optimizer.step()
    run.param_schedulers[0].step()


def test_a_resumed_run_names_file_and_remedy(make_runner, tmp_path):
    make_runner(tmp_path, [MomentumAlignmentHook()], epochs=1).train()
    path = tmp_path / "epoch_1.pth"
    content = torch.load(path, weights_only=False)
    content["optimizer"]["state"][3]["exp_avg"] = torch.ones(1, 2, 3, 4)
    torch.save(content, path)
    again = make_runner(
        tmp_path, [MomentumAlignmentHook()], epochs=2, resume=True, load_from=str(path)
    )
    load_strictly(again, resume=True)
    with pytest.raises(CheckpointMismatchError) as caught:
        again.train()
    message = str(caught.value)
    assert message.startswith(f"{path}: its state of a run is damaged")
    assert "optimizer.state[3].exp_avg" in message and "--resume CHECKPOINT" in message
