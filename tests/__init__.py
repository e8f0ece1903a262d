"""The tests. Hang-ups count in them, also where the shell that runs them in its background ignores hang-ups."""

import signal

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # before bnlab is imported, which looks whether they count
