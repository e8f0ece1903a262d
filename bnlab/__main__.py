"""`python -m bnlab` is the same as `bnlab`."""

from bnlab.cli import main

main()
