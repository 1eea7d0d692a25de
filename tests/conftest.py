"""Tests meet the MM stack as users do: mended by masa_mm, whichever module they import first."""

import masa_mm  # noqa: F401
