"""Values of k and the number of classes, before a run is built."""

import pytest
from mmengine.config import Config

from masa_mm.apis.metric_config import fit_topk
from masa_mm.errors import UserError
from masa_mm.evaluation import SignAccuracy


def config(num_classes=3, save_best="sign/top1_pi", **evaluators):
    return Config(
        dict(
            model=dict(cls_head=dict(type="MASAHead", num_classes=num_classes)),
            default_hooks=dict(checkpoint=dict(save_best=save_best)),
            **evaluators,
        )
    )


METRIC = dict(type="SignAccuracy", topk=(1, 5))


@pytest.mark.parametrize(
    "evaluator",
    [
        METRIC,
        dict(type="SignAccuracy"),
        dict(type="mmaction.SignAccuracy", topk=[1, 5]),
        dict(type=SignAccuracy, topk=(1, 5)),
        [dict(type="DumpResults"), METRIC],
        dict(type="Evaluator", metrics=METRIC),
        dict(type="Evaluator", metrics=[METRIC]),
    ],
    ids=str,
)
def test_k_above_the_number_of_classes_is_left_out(evaluator):
    cfg = config(val_evaluator=evaluator, test_evaluator=evaluator)
    text = "SignAccuracy: top-5 is not reported: there are only 3 classes"
    assert fit_topk(cfg) == text
    for given in (cfg.val_evaluator, cfg.test_evaluator):
        given = given.get("metrics", given) if isinstance(given, dict) else given
        metric = given[-1] if isinstance(given, list) else given
        assert metric.topk == (1,)
    assert fit_topk(cfg) == "", "said once"


def test_fitting_configs_and_other_metrics_stay(tmp_path):
    for num_classes in (5, 100, None):
        cfg = config(num_classes, val_evaluator=METRIC, test_evaluator=None)
        assert fit_topk(cfg) == "" and tuple(cfg.val_evaluator.topk) == (1, 5)
    other = dict(type="AccMetric", metric_list=("top_k_accuracy",))
    cfg = config(val_evaluator=other)
    assert fit_topk(cfg) == "" and "topk" not in cfg.val_evaluator
    assert fit_topk(Config(dict(model=dict(type="MASA"), val_evaluator=METRIC))) == ""


@pytest.mark.parametrize("key", ["sign/top5_pi", ["sign/top1_pi", "sign/confusing_top5_pc_low"]])
def test_checkpoints_cannot_be_selected_by_what_is_left_out(key):
    with pytest.raises(UserError, match=r"top5_.*the model has 3 classes"):
        fit_topk(config(save_best=key, val_evaluator=METRIC))
    assert fit_topk(config(5, save_best=key, val_evaluator=METRIC)) == ""


def test_no_k_left_is_refused():
    with pytest.raises(UserError, match="there are 3 classes; set topk"):
        fit_topk(config(test_evaluator=dict(type="SignAccuracy", topk=5)))
