# GSL isolated, 310 signs (docs/data/gsl.md).
_base_ = ["./sign_finetune.py"]

data = dict(
    type="GSLPose",
    split_file="data/gsl/{split}_greek_iso.csv",
    class_list="data/gsl/iso_classes.csv",
)
train_dataloader = dict(
    dataset=dict(ann_file="data/gsl/gsl_train.safetensors", split="train", **data)
)
val_dataloader = dict(dataset=dict(ann_file="data/gsl/gsl_val.safetensors", split="val", **data))
test_dataloader = dict(dataset=dict(ann_file="data/gsl/gsl_test.safetensors", split="test", **data))
