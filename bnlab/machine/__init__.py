"""The process and the computer it runs on: signals, child processes, paths, memory, text, compiler, and CPU threads.

Nothing here knows of norms or training. Only `threads` imports torch, and is imported by its own name.
"""

from bnlab.machine import child, compiler, interrupt, memory, paths, plain_text
from bnlab.machine.cache import bytes_per_core
from bnlab.machine.interrupt import Interrupt
from bnlab.machine.memory import keep_freed_memory
from bnlab.machine.paths import is_folder, why_no_folder
from bnlab.machine.whole_lines import as_wide_as_needed, in_pieces, say

__all__ = [
    "Interrupt",
    "as_wide_as_needed",
    "bytes_per_core",
    "child",
    "compiler",
    "in_pieces",
    "interrupt",
    "is_folder",
    "keep_freed_memory",
    "memory",
    "paths",
    "plain_text",
    "say",
    "status",
    "threads",
    "why_no_folder",
]
