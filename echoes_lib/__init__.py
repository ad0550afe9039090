"""Echoes of Me: a chat partner made from a person's own reflections, on their own machine.

The rooms of this package and who may import whom are drawn in docs/architecture.md;
tests/test_layers.py holds the code to the drawing.
"""

__version__ = "0.1.0"
