"""The formats: each makes bytes of a network. Packages besides torch are optional, and imported when needed."""

from __future__ import annotations

import contextlib
import io
import warnings

import torch
from torch import Tensor, nn

from bnlab.errors import UserError, one_line, shown


def state_dict(network: nn.Module, images: Tensor, who: str) -> bytes:
    """PyTorch's own format: `torch.load(FILE, weights_only=True)` gives the tensors by name."""
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return file.getvalue()


def safetensors(network: nn.Module, images: Tensor, who: str) -> bytes:
    """Tensors by name, and as metadata which run they are of; without pickle (https://github.com/huggingface/safetensors)."""
    try:
        from safetensors.torch import save
    except ImportError as error:
        raise UserError("--format safetensors needs safetensors: pip install 'bnlab[safetensors]'") from error
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    content: bytes = save(tensors, metadata={"format": "pt", "bnlab": who})
    return content


def onnx(network: nn.Module, images: Tensor, who: str) -> bytes:
    """The network as a graph: input `images` (N, 1, 28, 28), output `logits` (N, 10), for any N."""
    try:
        import onnxruntime  # noqa: F401  # checks the result
        import onnxscript  # noqa: F401  # PyTorch's exporter needs it
    except ImportError as error:
        raise UserError(f"--format onnx needs {error.name}: pip install 'bnlab[onnx]'") from error
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # the exporter's own, about which the user can do nothing
            program = torch.onnx.export(
                network,
                (images,),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
                dynamo=True,
                verbose=False,
            )
        assert program is not None
        content: bytes = program.model_proto.SerializeToString()
    except Exception as error:  # the exporter raises many kinds, each with a report of many lines
        reason = shown(one_line(error))
        raise UserError(
            f"--format onnx cannot hold this network ({reason}); nothing was written. Use --format safetensors"
        ) from error
    return content


def run_onnx(content: bytes, images: Tensor) -> Tensor:
    """The logits by onnxruntime, computed in two halves, which shows that the graph takes any N."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    halves = images.split(len(images) // 2)
    return torch.cat([torch.from_numpy(session.run(None, {"images": half.numpy()})[0]) for half in halves])


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest absolute difference, relative to the largest expected value."""
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-12))
