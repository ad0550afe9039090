"""Run the command as `python -m echoes_lib.cli`."""

from echoes_lib.cli.main import main

main()
