"""Write the embedded model for onnxruntime: 8-bit weights, two graphs, the tokenizer, the profile.

`encoder.onnx` reads texts alone, `chooser.onnx` compares; a page's texts are read once and kept.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from groundling.train.listwise import Listwise, Lower, Upper

_OPSET = 17
_LEAST_PACKED = 4096
"""Entries of a weight matrix that is worth packing."""


class _PackedEmbedding(nn.Module):
    """Rows of 8-bit integers, each with its own scale."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        scale = table.abs().amax(1, keepdim=True).clamp(min=1e-9) / 127
        self.register_buffer("rows", (table / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, ids: Tensor) -> Tensor:
        rows: Tensor = torch.nn.functional.embedding(ids, self.rows)  # type: ignore[arg-type]
        scales: Tensor = torch.nn.functional.embedding(ids, self.scale)  # type: ignore[arg-type]
        return rows.float() * scales


class _Chooser(nn.Module):
    """`Upper` for one task: hidden states and marks in, one logit a candidate and "none" out."""

    def __init__(self, upper: Upper) -> None:
        super().__init__()
        self.upper = upper

    def forward(
        self, task: Tensor, items: Tensor, on: Tensor, features: Tensor, base: Tensor
    ) -> Tensor:
        owner = torch.zeros_like(base, dtype=torch.long)
        here = torch.ones_like(task[..., 0])
        read = self.upper.read(task, items, (here, on), owner)
        present = torch.ones_like(base)[None]
        vector, pooled, near = read
        return self.upper.compare(
            vector, pooled[None], near[None], (features[None], base[None], present)
        )[0]


def export(model: Listwise, folder: Path, profile: Mapping[str, Any]) -> dict[str, int]:
    """Write `encoder.onnx`, `chooser.onnx` and `profile.json`; return the sizes in bytes.

    Args:
        model: Trained, in float32.
        folder: Where to; files there are replaced only once all are complete.
        profile: What the run time needs to know beside the weights.
    """
    model = model.eval().float()
    c = model.config
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        words = model.lower.words
        model.lower.words = _PackedEmbedding(words.weight.detach())  # type: ignore[assignment]
        try:
            _write_encoder(model.lower, work)
        finally:
            model.lower.words = words
        _write_chooser(_Chooser(model.upper), work, c.hidden, c.n_features)
        (work / "profile.json").write_text(json.dumps(dict(profile), indent=1) + "\n")
        sizes = {}
        for file in ("encoder.onnx", "chooser.onnx", "profile.json"):
            sizes[file] = (work / file).stat().st_size
            (work / file).replace(folder / file)
    return sizes


def _write_encoder(lower: Lower, work: Path) -> None:
    ids = torch.randint(1000, 2000, (3, 9))
    ids[1, 5:] = 0
    _export(
        lower,
        (ids,),
        work / "encoder.onnx",
        inputs={"ids": {0: "texts", 1: "tokens"}},
        output={"hidden": {0: "texts", 1: "tokens"}},
    )


def _write_chooser(chooser: nn.Module, work: Path, hidden: int, n_features: int) -> None:
    example = (
        torch.randn(1, 6, hidden),
        torch.randn(3, 9, hidden),
        torch.ones(3, 9),
        torch.randn(3, n_features),
        torch.randn(3),
    )
    _export(
        chooser,
        example,
        work / "chooser.onnx",
        inputs={
            "task": {1: "task_tokens"},
            "items": {0: "candidates", 1: "tokens"},
            "on": {0: "candidates", 1: "tokens"},
            "features": {0: "candidates"},
            "base": {0: "candidates"},
        },
        output={"logits": {0: "labels"}},
    )


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    *,
    inputs: dict[str, dict[int, str]],
    output: dict[str, dict[int, str]],
) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = path.with_suffix(".float.onnx")
    torch.onnx.export(
        module.eval(),
        example,
        str(plain),
        input_names=list(inputs),
        output_names=list(output),
        dynamic_axes={**inputs, **output},
        opset_version=_OPSET,
        dynamo=False,
    )
    # The head multiplies instruction by candidate: a few entries are so large that all others
    # vanish in 8 bits (9 points of accuracy). Its weights are packed, its inputs are not.
    kept = [n.name for n in onnx.load(str(plain)).graph.node if n.op_type == "MatMul"]
    # Per channel and 7 bits: without it, processors that lack VNNI saturate 16-bit sums.
    quantize_dynamic(
        str(plain),
        str(path),
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=False,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=kept if path.stem == "chooser" else [],
        extra_options={"MatMulConstBOnly": True},
    )
    plain.unlink()
    _pack_weights(path)


def _pack_weights(path: Path) -> None:
    """Store the large weights that are still in 32 bits as 8-bit columns, each with its scale."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    for tensor in list(graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) != 2:
            continue
        weights = numpy_helper.to_array(tensor)
        if weights.size < _LEAST_PACKED:
            continue
        scale = np.maximum(np.abs(weights).max(0), 1e-9).astype(np.float32) / 127
        packed = np.round(weights / scale).astype(np.int8)
        names = [f"{tensor.name}.packed", f"{tensor.name}.scale"]
        graph.initializer.remove(tensor)
        graph.initializer.extend(map(numpy_helper.from_array, (packed, scale), names))
        graph.node.insert(0, helper.make_node("DequantizeLinear", names, [tensor.name], axis=1))
    onnx.save(model, str(path))
