"""The typed configuration of a run: what settings there are and which values are legal.

There is a dataclass for each section; `from_mapping` makes a `RunConfig` of plain values or says what is not legal. The
defaults are in conf/.
"""

from bnlab.config import setting_words
from bnlab.config.data import DataConfig
from bnlab.config.engine import DEFAULT_ENGINE, EngineConfig, KerasEngineConfig
from bnlab.config.idle import without_effect
from bnlab.config.model import CNNConfig, MLPConfig, ModelConfig, RNNConfig, ViTConfig
from bnlab.config.norm import CustomClassConfig, MixedConfig
from bnlab.config.optimizer import (
    AdamConfig,
    CosineConfig,
    OptimizerConfig,
    RMSPropConfig,
    ScheduleConfig,
    SGDConfig,
    StepConfig,
)
from bnlab.config.other_names import did_you_mean, keys_named, unknown_key
from bnlab.config.probes import PROBES, ProbesConfig
from bnlab.config.resolve import from_mapping, mapping_of, set_value, settings_of, unknown_setting, wrong_type
from bnlab.config.run import (
    CHOICES,
    LENGTH,
    MOST_STEPS,
    MOST_THREADS,
    SECTIONS,
    RunConfig,
    RunSettings,
    StackConfig,
    added_settings,
)
from bnlab.config.shipped import CONF, default_choices, defaults, defaults_of
from bnlab.config.tag import check_tags
from bnlab.config.trackers import TRACKERS

__all__ = [
    "CHOICES",
    "CONF",
    "DEFAULT_ENGINE",
    "LENGTH",
    "MOST_STEPS",
    "MOST_THREADS",
    "PROBES",
    "SECTIONS",
    "TRACKERS",
    "AdamConfig",
    "CNNConfig",
    "CosineConfig",
    "CustomClassConfig",
    "DataConfig",
    "EngineConfig",
    "KerasEngineConfig",
    "MLPConfig",
    "MixedConfig",
    "ModelConfig",
    "OptimizerConfig",
    "ProbesConfig",
    "RMSPropConfig",
    "RNNConfig",
    "RunConfig",
    "RunSettings",
    "SGDConfig",
    "ScheduleConfig",
    "StackConfig",
    "StepConfig",
    "ViTConfig",
    "added_settings",
    "check_tags",
    "default_choices",
    "defaults",
    "defaults_of",
    "did_you_mean",
    "from_mapping",
    "keys_named",
    "mapping_of",
    "set_value",
    "setting_words",
    "settings_of",
    "unknown_key",
    "unknown_setting",
    "without_effect",
    "wrong_type",
]
