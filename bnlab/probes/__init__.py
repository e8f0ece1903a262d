"""The probes, which measure inside a training: a file per probe, with the formulas of its quantities.

A probe is a function of a look at a stack (`bnlab.engine.Look`): it measures every replicate of the stack at once and
changes nothing in it. It knows nothing of files and does not interpret its values.
"""

from bnlab.probes.observer import Probes, check_layers

__all__ = ["Probes", "check_layers"]
