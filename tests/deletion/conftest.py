"""Databases of both kinds for the tests of forgetting."""

from tests.reflections.databases import any_url, postgres, postgres_url

__all__ = ["any_url", "postgres", "postgres_url"]
