"""Linear probe of the authors' checkpoint: its encoder stays frozen, pooling and classifier learn.

tools/convert_reference_checkpoint.py makes the checkpoint.
"""

_base_ = ["./masa_finetune_reference_wlasl100.py"]

model = dict(backbone=dict(frozen=True))
optim_wrapper = dict(optimizer=dict(lr=0.1, weight_decay=0.0))
