"""What a Python program uses of bnlab, e.g. a student's test. Importing it imports nothing heavy."""

from bnlab.python.verifying import verify

__all__ = ["verify"]
