"""The seedling: the small base model that ships with the package.

What it does not do: import torch or load anything; it only says where the
model lies. `build` makes it, `architecture` describes it.

Shape: nothing -> SEEDLING_DIR, a folder that `from_pretrained` accepts.
"""

from pathlib import Path

__all__ = ["SEEDLING_DIR"]

SEEDLING_DIR = Path(__file__).resolve().parent / "weights"
