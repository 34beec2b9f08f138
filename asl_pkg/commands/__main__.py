"""`python -m asl_pkg.commands VERB …` is the same as `asl VERB …`."""

from asl_pkg.commands import main

main()
