"""Command lines, and functions behind other tools."""
