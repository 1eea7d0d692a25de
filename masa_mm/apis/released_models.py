"""The models that this project has released, by name."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import torch
from mmaction.models.recognizers import BaseRecognizer
from mmaction.registry import MODELS

from masa_mm.atomic_write import make_folder
from masa_mm.errors import MissingKeyError
from masa_mm.inference.trained_model import build_network, read_training

# The address of each model's checkpoint, which holds its config as data. Its file is named
# NAME-XXXXXXXX.pth by the first eight digits of its SHA-256.
RELEASED: dict[str, str] = {}


def list_models(pattern: str = "*") -> list[str]:
    """Return the names of the released models that match a pattern, sorted.

    Example:
        >>> list_models("masa_base_*")
        []
    """
    return sorted(name for name in RELEASED if fnmatch(name, pattern))


def get_model(name: str, pretrained: bool = True) -> BaseRecognizer:
    """Build a released model, in evaluation mode and on the CPU.

    Its checkpoint is downloaded once, to PyTorch's folder of checkpoints.

    Args:
        name (str): A name of :func:`list_models`.
        pretrained (bool): Whether it has its trained weights, else random ones.

    Raises:
        MissingKeyError: If there is no such model; lists the names.
    """
    if name not in RELEASED:
        known = ", ".join(list_models()) or "none yet: train one and give its checkpoint's path"
        raise MissingKeyError(f"no released model '{name}'; there are {known}")
    training = read_training(_downloaded(RELEASED[name]))
    if pretrained:
        return build_network(training)
    network = MODELS.build(training.cfg.model)
    network.init_weights()
    return network.eval()


def _downloaded(address: str) -> Path:
    """Return the path of a checkpoint, and download it if it is not there."""
    path = Path(torch.hub.get_dir(), "checkpoints", address.rpartition("/")[2])
    if not path.is_file():
        make_folder(path.parent)
        digits = path.stem.rpartition("-")[2]
        torch.hub.download_url_to_file(address, str(path), hash_prefix=digits, progress=False)
    return path
