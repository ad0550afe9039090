"""Fixtures of the models' tests that more than one file or none of its own needs."""

from tests.models.hub_server import hub
from tests.reflections.disks import tiny_disk

__all__ = ["hub", "tiny_disk"]
