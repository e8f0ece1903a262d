"""Trained networks as files for other programs: a state_dict, safetensors or ONNX, batch norm folded away if asked.

What may enter: a format, or a change of a trained network that leaves what it computes. It imports torch.
"""

from bnlab.export.exporting import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
