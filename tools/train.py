"""Train by a config: python tools/train.py configs/masa_pretrain_wlasl.py [options]."""

import sys

from masa_mm.apis import cli

if __name__ == "__main__":
    sys.exit(cli.train())
