"""`bnlab`, which is the same as `python -m bnlab`: a signal is an interruption from the first instruction on."""

import sys

from bnlab.machine import interrupt, paths, plain_text


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    try:
        interrupt.begin()
        plain_text.begin()
        paths.ensure_home()
        from bnlab.cli import main as run  # here, for the tenths of a second that its imports take

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    finally:
        interrupt.end()


if __name__ == "__main__":
    main()
