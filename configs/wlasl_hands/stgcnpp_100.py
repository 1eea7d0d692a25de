"""STGCN++ (narrow) on WLASL100-hands: the clips, frames, augmentation and runner of tiny MASA."""

_base_ = ["./masa_scratch_tiny_100.py", "../_base_/models/sign49_graph.py"]

model = dict(
    type="RecognizerGCN",
    backbone=dict(
        _delete_=True,
        type="STGCN",
        base_channels=16,
        gcn_adaptive="init",
        gcn_with_res=True,
        tcn_type="mstcn",
        graph_cfg=dict(layout=_base_.layout, mode="spatial"),
    ),
    cls_head=dict(_delete_=True, type="GCNHead", num_classes=100, in_channels=64, dropout=0.1),
)
# STGCN++ learns slower than MASA's encoder: with the encoder's rate, dropout and epochs, its
# training loss stays above 2.
max_epochs = 60
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-2, begin=0, end=3, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR", eta_min=1e-6, begin=3, end=max_epochs, convert_to_iter_based=True
    ),
]
