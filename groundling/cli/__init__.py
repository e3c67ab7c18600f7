"""The command line: one module per command, imported only when the command is used.

A module `groundling/cli/NAME.py` holds `command`, a click command; a dash in the command's name
is an underscore in the module's. stdout is data, stderr is talk; every `GroundlingError` becomes
one line on stderr and exit status 1.
"""

from groundling.cli.main import cli

__all__ = ["cli"]
