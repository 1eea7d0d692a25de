# AUTSL, 226 signs (docs/data/autsl.md).
_base_ = ["./sign_finetune.py"]

data = dict(
    type="AUTSLPose",
    split_file="data/autsl/{split}_labels.csv",
    class_list="data/autsl/SignList_ClassId_TR_EN.csv",
)
train_dataloader = dict(
    dataset=dict(ann_file="data/autsl/autsl_train.safetensors", split="train", **data)
)
val_dataloader = dict(
    dataset=dict(ann_file="data/autsl/autsl_val.safetensors", split="val", **data)
)
test_dataloader = dict(
    dataset=dict(ann_file="data/autsl/autsl_test.safetensors", split="test", **data)
)
