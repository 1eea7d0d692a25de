"""MMAction2's inferencers with recognisers of poses."""

from types import SimpleNamespace

import mmaction.apis
import pytest
from mmaction.apis import init_recognizer
from mmaction.apis.inferencers import ActionRecogInferencer, MMAction2Inferencer
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.infer import BaseInferencer

from masa_mm.datasets.collate import pad_clips
from masa_mm.errors import UserError

from toys.paths import ROOT

SIGNS = str(ROOT / "configs/masa_finetune_demo.py")
MIX = str(ROOT / "configs/mix_stgcnpp_wlasl100.py")
POSEC3D = "mmaction::skeleton/posec3d/slowonly_r50_8xb16-u48-240e_ntu60-xsub-keypoint.py"


def collate_of(loader):
    inferencer = SimpleNamespace(scope="mmengine")
    return BaseInferencer._init_collate(inferencer, ConfigDict(test_dataloader=loader))


def test_collate_functions_have_options():
    found = collate_of(dict(collate_fn=dict(type="pad_clips", pad_to_multiple=8)))
    assert found.func is pad_clips and found.keywords == dict(pad_to_multiple=8)
    assert collate_of(dict(collate_fn=dict(type=pad_clips))).func is pad_clips


def test_other_forms_are_left_to_mmengine():
    assert collate_of(dict()) is pseudo_collate
    assert collate_of(dict(collate_fn="pseudo_collate")) is pseudo_collate


@pytest.mark.parametrize("input_format", ["video", "rawframes", "array"])
@pytest.mark.parametrize("config", [SIGNS, MIX])
def test_refuses_videos_at_build(config, input_format):
    with pytest.raises(UserError, match=rf"'{input_format}' is for videos.*input_format='dict'"):
        ActionRecogInferencer(config, device="cpu", input_format=input_format)
    with pytest.raises(UserError, match="inference_skeleton"):
        MMAction2Inferencer(config, device="cpu", input_format=input_format)


def test_refuses_mmactions_own_skeleton_configs(tmp_path):
    config = tmp_path / "config.py"
    config.write_text(f"_base_ = {POSEC3D!r}\n")
    cfg = Config.fromfile(config)
    with pytest.raises(UserError, match="Recognizer3D recognises poses"):
        ActionRecogInferencer._init_pipeline(SimpleNamespace(input_format="video"), cfg)


def test_leaves_videos_to_recognisers_of_videos():
    steps = [dict(type="DecordInit"), dict(type="DecordDecode"), dict(type="PackActionInputs")]
    cfg = ConfigDict(
        model=dict(type="Recognizer2D"), test_dataloader=dict(dataset=dict(pipeline=steps))
    )
    inferencer = SimpleNamespace(input_format="video", pack_cfg={})
    assert len(ActionRecogInferencer._init_pipeline(inferencer, cfg).transforms) == 4


def test_refuses_a_config_of_pretraining():
    with pytest.raises(UserError, match=r"no test_dataloader.*finetuning"):
        ActionRecogInferencer(
            str(ROOT / "configs/masa_pretrain_demo.py"), device="cpu", input_format="dict"
        )


@pytest.mark.parametrize("name", ["inference_recognizer", "inference_skeleton"])
def test_the_functions_refuse_a_model_of_pretraining(name):
    function = getattr(mmaction.apis, name, None)
    if function is None:
        pytest.skip("inference_skeleton came with mmaction2 1.2")
    model = init_recognizer(str(ROOT / "configs/masa_pretrain_demo.py"), device="cpu")
    options = dict(img_shape=(4, 4)) if name == "inference_skeleton" else {}
    with pytest.raises(UserError, match=f"{name}: the config has no test_pipeline. A pretraining"):
        function(model, [dict(keypoints=None)], **options)
