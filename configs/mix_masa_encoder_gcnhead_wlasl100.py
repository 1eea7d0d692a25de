"""Mixing: the MASA encoder in MMAction2's RecognizerGCN, with its head, packing and collation."""

_base_ = ["./mix_stgcnpp_wlasl100.py"]

model = dict(
    backbone=dict(_delete_=True, type="MASAEncoder"),
    cls_head=dict(in_channels=512),
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=1e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
)
