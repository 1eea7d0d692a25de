"""The parts of a model that do not fit are named when it is built."""

import pytest
from mmaction.registry import MODELS
from mmengine.config import Config
from torch import nn

from masa_mm.errors import UserError
from masa_mm.models.recognizers.width_check import check_width

from toys.paths import ROOT


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        ("pretrain", {"decoder.in_channels": 30}, "MASA: decoder.in_channels must be .*3 x embed"),
        ("pretrain", {"alignment.in_channels": 30}, "MASA: alignment.in_channels must be"),
        ("finetune", {"cls_head.in_channels": 7}, "SignRecognizer: cls_head.in_channels must be"),
    ],
)
def test_widths_that_do_not_fit(config, changes, message):
    model = Config.fromfile(ROOT / f"configs/masa_{config}_demo.py").model
    model.backbone.pop("init_cfg", None)
    MODELS.build(model)
    cfg = Config(dict(model=model))
    cfg.merge_from_dict({f"model.{name}": value for name, value in changes.items()})
    with pytest.raises(UserError, match=message):
        MODELS.build(cfg.model)


def test_parts_of_other_kinds_are_not_checked():
    encoder = nn.Module()
    check_width("x", None, encoder)
    check_width("x", nn.Linear(3, 4), encoder)
    encoder.embed_dims = 8
    check_width("x", nn.Linear(3, 4), encoder)
