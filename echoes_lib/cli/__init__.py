"""The `echoes` command. Heavy imports stay inside the commands, so that help is quick."""

from echoes_lib.cli.main import main

__all__ = ["main"]
