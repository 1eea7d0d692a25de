"""Encoders with folded batch norms against the same encoders."""

import pytest
import torch
from torch import nn

from masa_mm.inference.folded_norms import CenteredNorm, fold_norms

from toys.sign_models import landmarks, recogniser


@pytest.mark.parametrize("merge", ["max", "concat"])
def test_it_computes_the_same_without_norms(merge):
    encoder = recogniser(sub_part_merge=merge).backbone
    clips = torch.from_numpy(landmarks(8)).div(400)[None, None]
    folded = fold_norms(encoder)
    with torch.no_grad():
        torch.testing.assert_close(folded(clips), encoder(clips), atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in folded.modules())
    assert any(isinstance(module, nn.BatchNorm1d) for module in encoder.modules())


def test_channels_without_variation_are_exact():
    norm = nn.BatchNorm1d(1).eval()
    norm.running_var.zero_()
    norm.running_mean.fill_(0.9)
    x = torch.tensor([[0.9], [0.9 + 1e-6]])
    expected = (x.double() - norm.running_mean.double()) * (1e-5**-0.5)
    torch.testing.assert_close(CenteredNorm(norm)(x).double(), expected, atol=1e-9, rtol=1e-5)
