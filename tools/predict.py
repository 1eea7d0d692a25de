"""Recognise signs: python tools/predict.py MODEL INPUT... [--top 5] [--out predictions.jsonl]."""

import sys

from masa_mm.apis.predict import predict

if __name__ == "__main__":
    sys.exit(predict())
