"""Export a checkpoint to one ONNX file: python tools/export.py CONFIG CHECKPOINT MODEL.onnx."""

import sys

from masa_mm.apis import export

if __name__ == "__main__":
    sys.exit(export.export())
