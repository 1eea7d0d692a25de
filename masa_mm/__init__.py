"""MASA sign language recognition as an MMAction2 plugin: importing registers its components."""

from . import compat

compat.apply()

# MMAction2 can be imported only now that compat has been applied.
from . import datasets, engine, evaluation, models  # noqa: E402

__version__ = "0.1.0"

__all__ = ["__version__", "compat", "datasets", "engine", "evaluation", "models"]
