"""How a config's loader makes batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mmengine.registry import FUNCTIONS


def collate_function(loader: Mapping[str, Any]) -> Callable[[list[dict]], dict]:
    """The collate function of a loader's config, which makes a batch of packed clips."""
    settings = dict(loader["collate_fn"])
    return partial(FUNCTIONS.get(settings.pop("type")), **settings)
