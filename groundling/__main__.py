"""`python -m groundling`."""

from groundling.cli import cli

cli()
