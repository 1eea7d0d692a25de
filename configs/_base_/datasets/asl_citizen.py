# ASL Citizen, 2731 signs (docs/data/asl_citizen.md).
_base_ = ["./sign_finetune.py"]

data = dict(
    type="ASLCitizenPose",
    split_file="data/asl_citizen/splits/{split}.csv",
)
train_dataloader = dict(
    dataset=dict(ann_file="data/asl_citizen/asl_citizen_train.safetensors", split="train", **data)
)
val_dataloader = dict(
    dataset=dict(ann_file="data/asl_citizen/asl_citizen_val.safetensors", split="val", **data)
)
test_dataloader = dict(
    dataset=dict(ann_file="data/asl_citizen/asl_citizen_test.safetensors", split="test", **data)
)
