"""The process of its own in which a user's code runs: `python -P -m bnlab.user_class`, see sandbox.py."""

from bnlab.user_class.sandbox import answer

answer()
