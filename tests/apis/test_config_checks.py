"""A config is checked before anything is built.

Covers masa_mm.apis.number_rules and masa_mm.apis.registered, too.
"""

import math

import pytest
from mmengine.config import Config

from masa_mm.apis.config_checks import check_config, check_launcher
from masa_mm.apis.registered import all_options, nearest, options_of, registered
from masa_mm.errors import UserError
from masa_mm.models import MASAEncoder, MASAHead

from toys.paths import ROOT

CONFIGS = [
    path
    for path in sorted((ROOT / "configs").rglob("*.py"))
    if "_base_" not in path.relative_to(ROOT / "configs").parts
]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configs_of_this_package_pass(path):
    check_config(Config.fromfile(path))


def demo(**changes):
    cfg = Config.fromfile(ROOT / "configs/masa_finetune_demo.py")
    cfg.merge_from_dict({key.replace("__", "."): value for key, value in changes.items()})
    return cfg


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(model=None), "has no model"),
        (dict(model__backbone=""), "model.backbone must be a dict, got ''"),
        (dict(model__backbone=dict(_delete_=True, x=1)), "model.backbone has no type"),
        (
            dict(optim_wrapper__paramwise_cfg=dict(custom_keys=dict(bias=True))),
            "custom_keys.bias must be a dict with lr_mult or decay_mult, got True",
        ),
        (dict(model=5), "model must be a dict, got 5"),
        (dict(model__backbone__type="MASAEncodr"), "'MASAEncodr' is not registered; the nearest"),
        (dict(model__backbone__type=None), "model.backbone: type must be a registered name"),
        (dict(model__backbone__type="torch.nn.Nothing"), "does not exist in the module torch"),
        (dict(model__backbone__dept=2), r"MASAEncoder has no option 'dept' \(is it depth\?\)"),
        (dict(custom_hooks=[dict(type="EpochSeedHook", x=1)]), "EpochSeedHook has no option 'x'"),
        (dict(custom_hooks=["EpochSeedHook"]), r"custom_hooks\[0\] must be a dict"),
        (dict(default_hooks__logger=1), "default_hooks.logger must be a dict"),
        (dict(val_dataloader=None), "has val_cfg, val_evaluator but no val_dataloader"),
        (dict(val_cfg=None), "has val_dataloader, val_evaluator but no val_cfg"),
        (dict(train_cfg=None), "but no train_cfg"),
        (dict(optim_wraper=dict()), None),
        (dict(train_dataloader__batch_size=0), "train_dataloader.batch_size must be an integer"),
        (dict(train_dataloader__dataset=None), "train_dataloader.dataset must be a dict"),
        (dict(train_dataloader__sampler=None), "needs a sampler"),
        (dict(train_dataloader__drop_lst=True), r"has no option 'drop_lst' \(is it drop_last\?\)"),
        (dict(train_cfg__max_epochs=0), "train_cfg.max_epochs must be an integer of at least 1"),
        (dict(train_cfg__max_epochs=-1), "train_cfg.max_epochs must be"),
        (dict(optim_wrapper__clip_grad__max_norm=-1), "clip_grad.max_norm must be a number above"),
        (dict(optim_wrapper__clip_grad=dict(max_nrm=1)), r"no option 'max_nrm' \(is it max_norm"),
        (dict(optim_wrapper__optimizer=dict(_delete_=True, lr=1)), "optimizer has no type"),
        (dict(optim_wrapper__optimizer=dict(_delete_=True, type="SGD")), "optimizer has no lr"),
        (dict(optim_wrapper__optimizer__lr=math.nan), "optimizer.lr must be a number"),
        (dict(randomness__seed=-1), "randomness.seed must be an integer from 0"),
        (dict(default_scope="no_such_package"), "default_scope 'no_such_package' is no installed"),
        (
            dict(train_dataloader__dataset__pipeline=[1]),
            r"pipeline\[0\] must be a transform",
        ),
        (dict(train_dataloader__dataset__pipeline=None), "pipeline must be a list of transforms"),
        (dict(load_from=5), "load_from must be a str"),
    ],
    ids=str,
)
def test_wrong_configs_are_one_line(changes, message):
    cfg = demo(**changes)
    if message is None:
        check_config(cfg)  # the right section is there, too
        cfg.pop("optim_wrapper")
        message = "optim_wraper is no section of a config; is it optim_wrapper"
    with pytest.raises(UserError, match=message) as caught:
        check_config(cfg)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(cfg.filename)


def test_options_of_deprecated_names_stay_allowed():
    cfg = Config.fromfile(ROOT / "configs/masa_pretrain_demo.py")
    cfg.model.alignment.bank_length = 64
    cfg.model.backbone.graph_dropout = 0.1
    check_config(cfg)


def test_classes_may_be_given_themselves():
    check_config(demo(model__backbone=dict(_delete_=True, type=MASAEncoder, depth=2)))
    cfg = demo()
    cfg.model.backbone = dict(type=MASAEncoder, dept=2)
    with pytest.raises(UserError, match="MASAEncoder has no option 'dept'"):
        check_config(cfg)


def test_names_and_options_of_classes():
    assert registered("MASAEncoder") == registered("mmaction.MASAEncoder") == [MASAEncoder]
    assert registered("NoSuchClass") == [] and registered("torch.nn.NoSuchClass") == []
    assert "MASAEncoder" in nearest("masa_encoder") and "register" in nearest("qqqqqqqq")
    assert "depth" in options_of(MASAEncoder) and options_of(MASAHead) is None
    assert {"num_classes", "label_smooth_eps"} <= set(all_options(MASAHead))


def test_launchers_need_their_environment(monkeypatch):
    for name in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"):
        monkeypatch.delenv(name, raising=False)
    check_launcher("none")
    for launcher, advice in dict(pytorch="dist_train.sh", slurm="slurm_train", mpi="mpi").items():
        with pytest.raises(UserError, match=rf"--launcher {launcher} needs .*{advice}"):
            check_launcher(launcher)
    monkeypatch.setenv("RANK", "0")
    check_launcher("pytorch")
