"""From frames to one vector: against plain loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.models import ReferencePooling
from masa_mm.models.layers.pooling import LearnedPooling, average_frames, build_pooling


@settings(max_examples=30, deadline=None)
@given(clips=st.integers(1, 3), frames=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_average_frames_equals_a_loop(clips, frames, seed):
    torch.manual_seed(seed)
    x, visible = torch.randn(clips, frames, 2), torch.rand(clips, frames) < 0.6
    for clip, found in enumerate(average_frames(x, visible)):
        seen = [x[clip, t] for t in range(frames) if visible[clip, t]]
        expected = sum(seen) / len(seen) if seen else torch.zeros(2)
        torch.testing.assert_close(found, expected)


@settings(max_examples=20, deadline=None)
@given(every_body_frame=st.booleans(), seed=st.integers(0, 2**31))
def test_learned_pooling_weighs_the_parts_that_are_seen(every_body_frame, seed):
    """One softmax over all frames of both hands, another over those of the body; a loop."""
    torch.manual_seed(seed)
    pooling = (ReferencePooling if every_body_frame else LearnedPooling)(4, 3)
    frames, seen = torch.randn(3, 5, 12), torch.rand(3, 5, 3) < 0.6
    seen[:, 0] = True
    for clip, found in enumerate(pooling(frames, seen)):
        parts = frames[clip].unflatten(-1, (3, 4))
        hands = [parts[t, p] for p in (0, 1) for t in range(5) if seen[clip, t, p]]
        body = [parts[t, 2] for t in range(5) if seen[clip, t, 2] or every_body_frame]
        expected = weigh(hands, pooling.hand_score) + weigh(body, pooling.body_score)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def weigh(vectors, score):
    weights = [math.exp(score(vector).item()) for vector in vectors]
    return sum(w * v for w, v in zip(weights, vectors)) / sum(weights)


def test_built_from_a_name_or_a_config():
    assert build_pooling("average", 4, 3).out_channels == 12
    assert build_pooling("learned", 4, 3).out_channels == 4
    config = dict(type="ReferencePooling")
    assert isinstance(build_pooling(config, 4, 3), ReferencePooling)
    assert config == dict(type="ReferencePooling")


def test_the_old_option_still_works():
    with pytest.warns(FutureWarning, match=r"every_body_frame moved to type=.ReferencePooling"):
        pooling = build_pooling(dict(type="LearnedPooling", every_body_frame=True), 4, 3)
    assert pooling.every_body_frame


def test_an_unknown_name_is_refused_by_the_known_ones():
    with pytest.raises(UserError, match="must be one of average, learned, got 'max'"):
        build_pooling("max", 4, 3)
