"""How another Python process is started that imports what this one imports."""

import os
import sys


def command(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment that run `python -m MODULE ARGUMENTS`, with the sys.path of this process."""
    # The working directory must not come first: a random.py in it would replace Python's.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [sys.executable, "-P", "-m", module, *arguments], environment
