"""What is measured inside a training: a file per probe, with its quantities' formulas.

A probe is a function of a look at a stack (`bnlab.engine.Look`): it measures every replicate of it at once, and changes
nothing in it. Nothing is known here of files, nor of what the numbers say.
"""

from bnlab.probes.observer import Probes, check_layers

__all__ = ["Probes", "check_layers"]
