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
    cls_head=dict(_delete_=True, type="GCNHead", num_classes=100, in_channels=64, dropout=0.5),
)
