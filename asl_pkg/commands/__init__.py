"""The command line, `asl VERB setting=value …`: the only place that parses, prints and exits."""

from asl_pkg.commands.main import main

__all__ = ["main"]
