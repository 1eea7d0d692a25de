"""Train by a config: python tools/train.py configs/masa_pretrain_wlasl.py [options]."""

from masa_mm.apis import cli

if __name__ == "__main__":
    cli.leave(cli.train())
