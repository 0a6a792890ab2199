"""`python -m sweep`."""

from sweep.cli import entry

entry()
