"""`python -m ponder` is `ponder`."""

from ponder.cli.main import main

main()
