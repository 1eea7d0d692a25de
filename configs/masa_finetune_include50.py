"""MASA finetuned on INCLUDE-50 (paper recipe, base size)."""

_base_ = ["./masa_finetune_include.py"]

# Its train and test clips are in train and test of INCLUDE, mixed.
data = dict(
    ann_file=["data/include/include_train.safetensors", "data/include/include_test.safetensors"],
    split_file="data/include/{split}_include50.csv",
)
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(cls_head=dict(num_classes=50))
