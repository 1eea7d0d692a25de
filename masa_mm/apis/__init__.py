"""Command lines, functions behind other tools, and the released models."""

from masa_mm.apis.released_models import get_model, list_models

__all__ = ["get_model", "list_models"]
