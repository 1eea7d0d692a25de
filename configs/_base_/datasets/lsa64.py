# LSA64, 64 signs; signers 1 to 8 train, 9 val, 10 test (docs/data/lsa64.md).
_base_ = ["./sign_finetune.py"]

data = dict(
    type="LSA64Pose",
    split_file="data/lsa64/lsa64_signs.md",
)
train_dataloader = dict(
    dataset=dict(ann_file="data/lsa64/lsa64_train.safetensors", split="train", **data)
)
val_dataloader = dict(
    dataset=dict(ann_file="data/lsa64/lsa64_val.safetensors", split="val", **data)
)
test_dataloader = dict(
    dataset=dict(ann_file="data/lsa64/lsa64_test.safetensors", split="test", **data)
)
