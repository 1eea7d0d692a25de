"""FrameTransformer: hidden frames are not there at all."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from masa_mm.frame_plan import SequencePlan, pack_flagged
from masa_mm.models.layers.frame_transformer import FrameTransformer, sincos_position


def make(norm_first=False, use_position=True, **changes):
    torch.manual_seed(0)
    transformer = FrameTransformer(
        16,
        depth=2,
        num_heads=4,
        feedforward_channels=32,
        norm_first=norm_first,
        use_position=use_position,
        **changes,
    )
    for parameter in transformer.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return transformer


def plan_of(visible, position=None, keys=None):
    """Plan the visible frames, bool [N, T]; of these, only the keys may be attended to."""
    frames = pack_flagged(visible)
    if position is None:
        position = torch.arange(visible.shape[1]).expand(visible.shape)
    keys = None if keys is None else keys.flatten()[frames.rows]
    return SequencePlan(frames, position, keys=keys)


def torchs(block):
    """Torch's own layer with the weights of a block."""
    layer = nn.TransformerEncoderLayer(
        16, 4, 32, 0.0, "gelu", batch_first=True, norm_first=block.norm_first
    )
    layer.load_state_dict(block.state_dict())
    return layer.to(block.linear1.weight.dtype).train(block.training)


def alone(transformer, frames, visible, position=None):
    """One clip's visible frames through torch's own layers, with no mask anywhere."""
    places = visible.nonzero().flatten()
    x = transformer.input_norm(frames[places][None])
    if transformer.position_gain is not None:
        places = places if position is None else position[places]
        x = x + transformer.position_gain * sincos_position(places, x.shape[-1])
    for block in transformer.blocks:
        x = torchs(block)(x)
    return transformer.output_norm(x)[0]


@settings(max_examples=20, deadline=None)
@given(
    norm_first=st.booleans(),
    use_position=st.booleans(),
    training=st.booleans(),
    own_position=st.booleans(),
    share=st.floats(0.1, 1),
    seed=st.integers(0, 2**31),
)
def test_equals_the_blocks_on_the_visible_frames_alone(
    norm_first, use_position, training, own_position, share, seed
):
    transformer = make(norm_first, use_position).train(training)
    torch.manual_seed(seed)
    frames, visible = torch.randn(3, 8, 16), torch.rand(3, 8) < share
    position = torch.randint(0, 90, (3, 8)) if own_position else None
    out = transformer(frames, plan_of(visible, position))
    assert not out[~visible].any()
    for clip in range(3):
        if visible[clip].any():
            own = None if position is None else position[clip]
            expected = alone(transformer, frames[clip], visible[clip], own)
            torch.testing.assert_close(out[clip, visible[clip]], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_padding_and_batch_mates_do_not_matter(training):
    transformer = make().train(training)
    torch.manual_seed(1)
    frames = torch.randn(1, 5, 16)
    expected = transformer(frames, plan_of(torch.ones(1, 5, dtype=torch.bool)))
    batch = 100 * torch.randn(3, 12, 16)
    batch[1, :5] = frames[0]
    visible = torch.rand(3, 12) < 0.7
    visible[1] = torch.arange(12) < 5
    torch.testing.assert_close(
        transformer(batch, plan_of(visible))[1, :5], expected[0], atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("visible", [[False] * 4, [True] * 4])
def test_a_hidden_clip_is_zero_not_nan(training, visible):
    transformer = make().train(training)
    frames = torch.randn(2, 4, 16, requires_grad=True)
    out = transformer(frames, plan_of(torch.tensor([[False] * 4, visible])))
    assert not out[0].any()
    out.sum().backward()
    assert frames.grad.isfinite().all()
    assert not frames.grad[0].any()


def test_positions_matter_and_only_if_asked_for():
    frames = torch.randn(1, 4, 16)
    plan = plan_of(torch.ones(1, 4, dtype=torch.bool))
    order = torch.tensor([2, 0, 3, 1])
    for use_position in (True, False):
        transformer = make(use_position=use_position).eval()
        expected = transformer(frames, plan)[:, order]
        shuffled = transformer(frames[:, order], plan)
        assert torch.allclose(shuffled, expected, atol=1e-5) != use_position
        same_places = transformer(frames[:, order], plan._replace(position=order[None]))
        torch.testing.assert_close(same_places, expected, atol=1e-5, rtol=1e-5)


def test_sincos_position_by_hand():
    encoding = sincos_position(torch.tensor([0, 3]), 6)
    rates = [1, 10000 ** (-1 / 3), 10000 ** (-2 / 3)]
    by_hand = [math.sin(3 * r) for r in rates] + [math.cos(3 * r) for r in rates]
    torch.testing.assert_close(encoding[0], torch.tensor([0.0, 0, 0, 1, 1, 1]))
    torch.testing.assert_close(encoding[1], torch.tensor(by_hand))


def test_blocks_start_apart():
    torch.manual_seed(0)
    first, second = FrameTransformer(16, 2, 4, 32).blocks
    assert not first.linear1.weight.equal(second.linear1.weight)


def with_keys(transformer, frames, keys):
    """One clip's frames through the blocks; each attends to the keys only."""
    x = transformer.input_norm(frames[None])
    for block in transformer.blocks:
        x = torchs(block)(x, src_key_padding_mask=~keys[None])
    return transformer.output_norm(x)[0]


@settings(max_examples=20, deadline=None)
@given(training=st.booleans(), share=st.floats(0.1, 1), seed=st.integers(0, 2**31))
def test_frames_that_are_no_keys_are_computed_but_not_attended_to(training, share, seed):
    transformer = make(use_position=False).train(training)
    torch.manual_seed(seed)
    frames, keys = torch.randn(3, 8, 16), torch.rand(3, 8) < share
    keys[:, 0] |= ~keys.any(1)
    out = transformer(frames, plan_of(torch.ones_like(keys), keys=keys))
    for clip in range(3):
        expected = with_keys(transformer, frames[clip], keys[clip])
        torch.testing.assert_close(out[clip], expected, atol=1e-5, rtol=1e-5)


def test_hidden_frames_are_no_keys_and_a_clip_without_a_key_attends_to_all_it_shows():
    transformer = make().eval()
    frames, visible = torch.randn(1, 6, 16), torch.tensor([[True, False, True, True, False, True]])
    everything = transformer(frames, plan_of(visible))
    for keys in (visible, ~visible, torch.zeros_like(visible), torch.ones_like(visible)):
        found = transformer(frames, plan_of(visible, keys=keys))
        torch.testing.assert_close(found, everything)


@pytest.mark.parametrize("norm_first", [False, True])
def test_gradients_equal_those_of_torchs_layers(norm_first):
    """In double precision: of the input and of every weight, for clips of several lengths."""
    transformer = make(norm_first).double()
    torch.manual_seed(0)
    frames = torch.randn(3, 8, 16, dtype=torch.float64, requires_grad=True)
    visible = torch.arange(8) < torch.tensor([[8], [3], [5]])
    weight = torch.randn(3, 8, 16, dtype=torch.float64)
    found = gradients(transformer, frames, (transformer(frames, plan_of(visible)) * weight).sum())

    padded = transformer.input_norm(frames) + transformer.position_gain * sincos_position(
        torch.arange(8), 16
    )
    layers = [torchs(block) for block in transformer.blocks]
    for layer in layers:
        padded = layer(padded, src_key_padding_mask=~visible)
    loss = (transformer.output_norm(padded)[visible] * weight[visible]).sum()
    expected = gradients(nn.ModuleList(layers), frames, loss)
    torch.testing.assert_close(found[0], expected[0])
    for name, gradient in expected[1].items():
        torch.testing.assert_close(found[1]["blocks." + name], gradient)


def gradients(module, frames, loss):
    """Gradients of the frames and of the parameters, by name."""
    named = dict(module.named_parameters())
    of_frames, *rest = torch.autograd.grad(loss, [frames, *named.values()])
    return of_frames, dict(zip(named, rest, strict=True))


def test_padding_costs_nothing_but_attention():
    """Products are counted: a longer batch mate adds its own frames' and no others."""
    transformer = make()

    def flops(lengths, padded_to):
        visible = torch.arange(padded_to) < torch.tensor(lengths)[:, None]
        frames = torch.randn(len(lengths), padded_to, 16)
        with FlopCounterMode(display=False) as counter:
            transformer(frames, plan_of(visible))
        return counter.get_total_flops()

    block_of_one_frame = 2 * (4 * 16 * 16 + 2 * 16 * 32)
    for lengths in ([3, 4], [3, 20]):
        assert flops(lengths, 20) == sum(lengths) * 2 * block_of_one_frame
