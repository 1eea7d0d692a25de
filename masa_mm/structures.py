"""The labels and metadata of a batch of signs, in a few batched tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import overload

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor

from masa_mm.errors import UserError


class SignDataSamples(Sequence):
    """A batch's annotations: a sequence of ``ActionDataSample`` backed by batched tensors.

    One tensor per clip is slow to send to another process or device; this class has two per batch.
    MASA's heads read ``labels`` and ``clip_ids``. MMAction2's heads and mmengine's evaluator and
    hooks index or iterate and get ``ActionDataSample`` objects, which are created on first use and
    kept, so that what a head stores in them (``set_pred_score``) persists.

    Each sample has ``gt_label`` (int64 [1], a view of ``labels``) and, as metainfo, the clip's
    ``meta`` and its ``clip_id``.

    Args:
        samples (iterable of ActionDataSample): Builds the batch from samples instead, with the
            ``gt_label`` of each; mmengine and torch rebuild sequences in this way.
        labels (Tensor): int64 [N], -1 for an unlabelled clip.
        clip_ids (Tensor, optional): int64 [N], -1 for an unknown one. Defaults to -1.
        metas (sequence of dict, optional): N dicts. Defaults to empty ones.

    Attributes:
        num_without_id (int): Number of clips without an id. This and the next two are computed
            where the batch is made, so that checks need not read from a GPU.
        num_unlabelled (int): Number of clips without a label.
        max_label (int): The largest label, -1 if there is none.

    Raises:
        UserError: If labels, clip_ids and metas differ in length.

    Example:
        >>> batch = SignDataSamples(labels=torch.tensor([3, 7]))
        >>> batch[1].gt_label
        tensor([7])
    """

    def __init__(
        self,
        samples: Iterable[ActionDataSample] = (),
        *,
        labels: Tensor | None = None,
        clip_ids: Tensor | None = None,
        metas: Sequence[dict] | None = None,
    ) -> None:
        self._samples: list[ActionDataSample] | None = None
        if labels is None:
            self._samples = list(samples)
            found = [sample.gt_label for sample in self._samples]
            labels = torch.cat(found) if found else torch.empty(0, dtype=torch.int64)
            clip_ids = torch.tensor([s.get("clip_id", -1) for s in self._samples]).to(labels)
            metas = [sample.metainfo for sample in self._samples]
        self.labels = labels
        self.clip_ids = torch.full_like(labels, -1) if clip_ids is None else clip_ids
        self.metas = [{} for _ in range(len(labels))] if metas is None else list(metas)
        if not len(self.labels) == len(self.clip_ids) == len(self.metas):
            raise UserError(
                f"SignDataSamples: {len(self.labels)} labels, {len(self.clip_ids)} clip ids and "
                f"{len(self.metas)} metas do not describe one batch"
            )
        self.num_without_id = int((self.clip_ids < 0).sum())
        self.num_unlabelled = int((labels < 0).sum())
        self.max_label = int(labels.max()) if len(labels) else -1

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> ActionDataSample: ...

    @overload
    def __getitem__(self, index: slice) -> list[ActionDataSample]: ...

    def __getitem__(self, index: int | slice) -> ActionDataSample | list[ActionDataSample]:
        if self._samples is None:
            self._samples = self._make_samples()
        return self._samples[index]

    def __repr__(self) -> str:
        return f"SignDataSamples({len(self)} clips, labels={self.labels.tolist()})"

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SignDataSamples:
        """Move the batch, with the samples made so far, to a device."""
        batch = self._with_tensors(lambda data: data.to(device, non_blocking=non_blocking))
        if self._samples is not None:
            batch._samples = [s.to(device, non_blocking=non_blocking) for s in self._samples]
        return batch

    def pin_memory(self) -> SignDataSamples:
        """Copy the batch to page-locked memory, for ``DataLoader(pin_memory=True)``."""
        return self._with_tensors(Tensor.pin_memory)

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> SignDataSamples:
        batch = copy.copy(self)
        batch.labels, batch.clip_ids = change(self.labels), change(self.clip_ids)
        batch._samples = None
        return batch

    def _make_samples(self) -> list[ActionDataSample]:
        samples = []
        # tolist once: reading single ids would synchronise with the device once a clip.
        for i, (meta, clip_id) in enumerate(zip(self.metas, self.clip_ids.tolist(), strict=True)):
            sample = ActionDataSample(metainfo={**meta, "clip_id": clip_id})
            samples.append(sample.set_gt_label(self.labels[i : i + 1]))
        return samples
