"""CompileHook: the same results, and no compilation for another number of frames."""

import copy
import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from masa_mm import versions
from masa_mm.engine import CompileHook
from masa_mm.engine.hooks.compile_hook import compile_modules
from masa_mm.errors import UserError
from masa_mm.models.backbones import MASAEncoder


@pytest.fixture
def encoder():
    init_default_scope("mmaction")
    torch._dynamo.reset()
    torch.manual_seed(0)
    return MASAEncoder(
        embed_dims=8,
        channels=(8,),
        sub_part_channels=(8,),
        depth=2,
        num_heads=2,
        feedforward_channels=16,
        num_temporal_blocks=1,
    )


def poses(*lengths):
    clips = torch.rand(len(lengths), 1, max(lengths), 49, 3) + 0.1
    for clip, length in zip(clips, lengths):
        clip[:, length:] = 0
    return clips


def test_any_lengths_and_batch_sizes_are_one_program(encoder):
    """One for hands, one for bodies, one for all blocks; one more for blocks without padding."""
    encoder.eval()
    batches = [poses(5, 9), poses(4, 7, 12), poses(3, 30), poses(20, 11, 6, 2), poses(8, 8, 8)]
    expected = [encoder(batch) for batch in batches]
    counter = CompileCounterWithBackend("eager")
    assert compile_modules(encoder, backend=counter, dynamic=True) == 4
    programs = []
    for batch, value in zip(batches, expected):
        torch.testing.assert_close(encoder(batch), value)
        programs.append(counter.frame_count)
    if versions.release(torch.__version__) < (2, 13):
        pytest.skip(f"torch {torch.__version__} makes {programs[-1]} programs of the same results")
    assert programs == [3, 3, 3, 3, 4]
    encoder(poses(6, 6))
    assert counter.frame_count == 4
    assert not torch._dynamo.utils.counters["graph_break"]


def test_without_dynamic_sizes_the_test_would_notice(encoder):
    counter = CompileCounterWithBackend("eager")
    compile_modules(encoder.eval(), backend=counter, dynamic=False)
    encoder(poses(5, 9))
    programs = counter.frame_count
    encoder(poses(4, 7, 12))
    assert counter.frame_count > programs


def test_gradients_and_names_are_those_of_the_plain_model(encoder):
    """By torch's compiler up to the code it would generate."""
    plain, batch = copy.deepcopy(encoder), poses(5, 9)
    runner = SimpleNamespace(model=encoder, logger=logging.getLogger(__name__))
    CompileHook(modules=["FrameBlock"], backend="aot_eager").before_run(runner)
    assert encoder.state_dict().keys() == plain.state_dict().keys()
    for model in (encoder, plain):
        model(batch).square().sum().backward()
    for found, expected in zip(encoder.parameters(), plain.parameters()):
        torch.testing.assert_close(found.grad, expected.grad, atol=1e-4, rtol=1e-4)


def test_a_model_without_such_parts_is_refused():
    with pytest.raises(UserError, match="Linear has no module of class PartNetwork or FrameBlock"):
        compile_modules(nn.Linear(2, 2))
