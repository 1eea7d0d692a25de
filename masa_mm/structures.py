"""The labels and names of a batch of signs, as a handful of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from mmaction.structures import ActionDataSample

from masa_mm.errors import UserError


class SignDataSamples(Sequence):
    """A batch's annotations: a sequence of ``ActionDataSample`` backed by batched tensors.

    One tensor a clip is slow to hand to another process or device; here there are two a batch.
    MASA's heads read ``labels`` and ``clip_ids``; whatever indexes or iterates (MMAction2's heads,
    mmengine's evaluator and hooks) gets MMAction2's ``ActionDataSample``, made on first use and
    kept, so that what a head writes into them (``set_pred_score``) is there afterwards.

    Each sample has ``gt_label`` (int64 [1], a view of ``labels``) and as metainfo the clip's
    ``meta`` and its ``clip_id``.

    Args:
        samples (iterable of ActionDataSample): build the batch from samples instead, so that
            ``type(batch)(generator)``, as in mmengine's and torch's generic treatment of sequences,
            works; ``gt_label`` is taken from each.
        labels (Tensor): int64 [N], -1 for an unlabelled clip.
        clip_ids (Tensor, optional): int64 [N], -1 where unknown.
        metas (sequence of dict, optional): N dicts.
        num_without_id (int, optional): How many ids are -1; counted if not given.

    Raises:
        ValueError: the three differ in length.

    Example:
        >>> batch = SignDataSamples(labels=torch.tensor([3, 7]))
        >>> batch[1].gt_label
        tensor([7])
    """

    def __init__(
        self,
        samples: Iterable[ActionDataSample] = (),
        *,
        labels: torch.Tensor | None = None,
        clip_ids: torch.Tensor | None = None,
        metas: Sequence[dict] | None = None,
        num_without_id: int | None = None,
    ) -> None:
        self._samples: list[ActionDataSample] | None = None
        if labels is None:
            self._samples = list(samples)
            found = [sample.gt_label for sample in self._samples]
            labels = torch.cat(found) if found else torch.empty(0, dtype=torch.int64)
            clip_ids = torch.tensor(
                [sample.get("clip_id", -1) for sample in self._samples],
                dtype=torch.int64,
                device=labels.device,
            )
            metas = [sample.metainfo for sample in self._samples]
        self.labels = labels
        self.clip_ids = torch.full_like(labels, -1) if clip_ids is None else clip_ids
        self.metas = [{} for _ in range(len(labels))] if metas is None else list(metas)
        if not len(self.labels) == len(self.clip_ids) == len(self.metas):
            raise UserError(
                f"SignDataSamples: {len(self.labels)} labels, {len(self.clip_ids)} clip ids and "
                f"{len(self.metas)} metas do not describe one batch"
            )
        self.num_without_id = (
            int((self.clip_ids < 0).sum()) if num_without_id is None else num_without_id
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | slice) -> ActionDataSample | list[ActionDataSample]:
        if self._samples is None:
            self._samples = self._make_samples()
        return self._samples[index]

    def __repr__(self) -> str:
        return f"SignDataSamples({len(self)} clips, labels={self.labels.tolist()})"

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SignDataSamples:
        """The same batch with its tensors on another device.

        Samples made before go along, with all that was written into them.
        """
        return self._with_tensors(
            lambda data: data.to(device, non_blocking=non_blocking), keep_samples=True
        )

    def pin_memory(self) -> SignDataSamples:
        """The same batch in page-locked memory, for ``DataLoader(pin_memory=True)``."""
        return self._with_tensors(lambda data: data.pin_memory(), keep_samples=False)

    def _with_tensors(self, change: Callable, keep_samples: bool) -> SignDataSamples:
        batch = SignDataSamples(
            labels=change(self.labels),
            clip_ids=change(self.clip_ids),
            metas=self.metas,
            num_without_id=self.num_without_id,
        )
        if keep_samples and self._samples is not None:
            batch._samples = [change(sample) for sample in self._samples]
        return batch

    def _make_samples(self) -> list[ActionDataSample]:
        samples = []
        # tolist once: reading the ids one by one would wait for the device once a clip
        for i, (meta, clip_id) in enumerate(zip(self.metas, self.clip_ids.tolist(), strict=True)):
            sample = ActionDataSample(metainfo={**meta, "clip_id": clip_id})
            samples.append(sample.set_gt_label(self.labels[i : i + 1]))
        return samples
