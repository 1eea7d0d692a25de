"""Linear probe: the pretrained encoder stays frozen, only the classifier learns."""

_base_ = ["./masa_finetune_wlasl300.py"]

model = dict(backbone=dict(frozen=True))
optim_wrapper = dict(optimizer=dict(lr=0.1, weight_decay=0.0))
