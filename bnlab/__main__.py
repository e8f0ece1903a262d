"""`bnlab`, which is the same as `python -m bnlab`: a signal is an interruption from the first instruction on."""

import sys
from collections.abc import Sequence

from bnlab.machine import interrupt, paths, plain_text, status

UNWATCHED = {"--help", "-h", "--hydra-help", "--version", "-c", "-i", "--quiet", "quiet=true"}
"""Arguments of `bnlab train` with which nothing is trained, or nobody watches."""


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    try:
        interrupt.begin()
        plain_text.begin()
        if _is_watched(sys.argv[1:]):
            status.show("starting")
        paths.ensure_home()
        from bnlab.cli import main as run  # here, for the tenths of a second that its imports take

        run()
    except KeyboardInterrupt:
        status.clear()
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    finally:
        interrupt.end()


def _is_watched(arguments: Sequence[str]) -> bool:
    """Whether a training begins, which says so before its seconds of imports."""
    prints = any(argument in UNWATCHED or argument.startswith(("--cfg", "--info")) for argument in arguments)
    return arguments[:1] == ["train"] and not prints


if __name__ == "__main__":
    main()
