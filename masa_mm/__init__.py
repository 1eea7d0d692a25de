"""MASA sign language recognition as an MMAction2 plugin: importing registers its components."""

from masa_mm import compat

compat.apply()

# MMEngine and MMAction2 can be imported only now that compat has been applied.
from masa_mm import datasets, deprecation, engine, evaluation, models  # noqa: E402

deprecation.install_moved_modules()

__version__ = "0.1.0"

__all__ = ["__version__", "compat", "datasets", "engine", "evaluation", "models"]
