"""Test a checkpoint: python tools/test.py configs/masa_finetune_wlasl100.py CKPT [options]."""

from masa_mm.apis import cli

if __name__ == "__main__":
    cli.leave(cli.test())
