"""Trained networks as files for other programs: a state_dict, safetensors or ONNX, with batch norm folded if asked.

File formats, and changes of a trained network that do not change what it computes, live here. It imports torch.
"""

from bnlab.export.exporting import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
