"""Databases of both kinds and small disks for the tests of reflections."""

from tests.reflections.databases import any_url, postgres, postgres_url
from tests.reflections.disks import tiny_disk

__all__ = ["any_url", "postgres", "postgres_url", "tiny_disk"]
