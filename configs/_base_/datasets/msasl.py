# MS-ASL1000 (docs/data/msasl.md). For another subset set subset=100, 200 or 500.
_base_ = ["./sign_finetune.py"]

data = dict(
    type="MSASLPose",
    subset=1000,
    split_file="data/msasl/MSASL_{split}.json",
    class_list="data/msasl/MSASL_classes.json",
)
train_dataloader = dict(
    dataset=dict(ann_file="data/msasl/msasl_train.safetensors", split="train", **data)
)
val_dataloader = dict(
    dataset=dict(ann_file="data/msasl/msasl_val.safetensors", split="val", **data)
)
test_dataloader = dict(
    dataset=dict(ann_file="data/msasl/msasl_test.safetensors", split="test", **data)
)
