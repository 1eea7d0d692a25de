# Your own signs, listed by a CSV file (docs/data/csv.md).
_base_ = ["./sign_finetune.py"]

data = dict(type="CSVPose", split_file="data/signs/signs.csv")
train_dataloader = dict(
    dataset=dict(ann_file="data/signs/signs_train.safetensors", split="train", **data)
)
val_dataloader = dict(
    dataset=dict(ann_file="data/signs/signs_val.safetensors", split="val", **data)
)
test_dataloader = dict(
    dataset=dict(ann_file="data/signs/signs_test.safetensors", split="test", **data)
)
