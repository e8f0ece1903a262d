"""Between Hydra and bnlab: arguments in, typed configurations out, and errors in one line.

With hydra_plugins/ this is the only code that imports Hydra or OmegaConf.
"""

from bnlab.hydra_bridge.arguments import changes_of, check_count
from bnlab.hydra_bridge.jobs import configs_of, failures_of, own_settings
from bnlab.hydra_bridge.main import command_line, configuration, train

__all__ = [
    "changes_of",
    "check_count",
    "command_line",
    "configs_of",
    "configuration",
    "failures_of",
    "own_settings",
    "train",
]
