"""The separate process in which a user's code runs: `python -P -m bnlab.user_class`, see supervisor.py."""

from bnlab.user_class.supervisor import supervise

supervise()
