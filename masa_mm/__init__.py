"""MASA sign language recognition as an MMAction2 plugin: importing registers its components."""

from . import compat

compat.apply()

__version__ = "0.1.0"
