"""The command line: ``milepost``."""

from starters.cli.app import main

__all__ = ["main"]
