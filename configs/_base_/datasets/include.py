# INCLUDE, 263 signs (docs/data/include.md). It has no val split, so a tenth of each
# sign's train clips is held out.
_base_ = ["./sign_finetune.py"]

data = dict(
    type="INCLUDEPose",
    split_file="data/include/{split}_include.csv",
    val_ratio=0.1,
)
train_store = "data/include/include_train.safetensors"
test_store = "data/include/include_test.safetensors"
train_dataloader = dict(dataset=dict(ann_file=train_store, split="train", **data))
val_dataloader = dict(dataset=dict(ann_file=train_store, split="val", **data))
test_dataloader = dict(dataset=dict(ann_file=test_store, split="test", **data))
