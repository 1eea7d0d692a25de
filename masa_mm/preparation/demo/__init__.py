"""A seeded generator of demo data: signs by several signers, seen by a simulated pose detector."""

from masa_mm.preparation.demo.generate import (
    SPLITS,
    DemoConfig,
    demo_annotations,
    glosses,
    store_path,
    write_demo_stores,
)

__all__ = ["SPLITS", "DemoConfig", "demo_annotations", "glosses", "store_path", "write_demo_stores"]
