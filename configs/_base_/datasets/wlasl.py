# WLASL100 (docs/data/wlasl.md). For another subset set `subset` and its nslt_*.json.
_base_ = ["./sign_finetune.py"]

data = dict(type="WLASLPose", subset=100, split_file="data/wlasl/nslt_100.json")
train_dataloader = dict(
    dataset=dict(ann_file="data/wlasl/wlasl_train.safetensors", split="train", **data)
)
val_dataloader = dict(
    dataset=dict(ann_file="data/wlasl/wlasl_val.safetensors", split="val", **data)
)
test_dataloader = dict(
    dataset=dict(ann_file="data/wlasl/wlasl_test.safetensors", split="test", **data)
)
