"""The authors' network from their own checkpoint, finetuned on WLASL2000 by the paper's recipe."""

_base_ = ["./masa_finetune_reference_wlasl100.py"]

data = dict(subset=2000, split_file="data/wlasl/nslt_2000.json")
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(cls_head=dict(num_classes=2000))
