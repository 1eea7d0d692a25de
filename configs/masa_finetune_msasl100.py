"""MASA finetuned on MS-ASL100 (paper recipe, base size)."""

_base_ = ["./masa_finetune_msasl1000.py"]

data = dict(subset=100)
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(cls_head=dict(num_classes=100))
