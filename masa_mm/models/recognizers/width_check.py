"""Check that the parts of a model fit each other, before a batch meets a matrix of another size."""

from __future__ import annotations

from torch import nn

from masa_mm.errors import UserError


def check_width(where: str, part: nn.Module | None, backbone: nn.Module, copies: int = 1) -> None:
    """Check ``in_channels`` of a part behind the backbone.

    Args:
        where (str): What errors name.
        part (nn.Module, optional): A head, decoder or alignment. One without ``in_channels`` is not
            checked, nor one behind a backbone without ``embed_dims``.
        backbone (nn.Module): The encoder.
        copies (int): How often its ``embed_dims`` stand in the input of the part.

    Raises:
        UserError: If the widths differ.
    """
    given, embed_dims = getattr(part, "in_channels", None), getattr(backbone, "embed_dims", None)
    if given is None or embed_dims is None or given == copies * embed_dims:
        return
    factor = f"{copies} x " if copies > 1 else ""
    raise UserError(
        f"{where}.in_channels must be {copies * embed_dims}, {factor}embed_dims of the backbone, "
        f"got {given}"
    )
