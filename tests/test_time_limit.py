"""The time limit: what it stops, and what it leaves as it was."""

import signal
import threading
import time

import pytest

from bnlab.time_limit import TimeLimitError, time_limit


def loop() -> None:
    while True:
        try:
            while True:
                pass
        except Exception:
            continue


def test_a_loop_that_catches_every_exception_is_stopped() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeLimitError), time_limit(0.05):
        loop()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_ends_in_time_is_left_alone() -> None:
    with time_limit(0.05):
        pass
    time.sleep(0.1)  # a timer that is left would raise here


def test_elsewhere_than_in_the_main_thread_there_is_none() -> None:
    done = []

    def run() -> None:
        with time_limit(0.001):
            time.sleep(0.01)
            done.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [True]
