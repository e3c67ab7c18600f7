"""Smaller weights on the CPU, through torchao."""

import importlib.util
from typing import Any

from groundling.errors import MissingExtraError


def cpu_config(bits: int) -> dict[str, Any]:
    """Return the arguments that make transformers quantize the weights while loading.

    Args:
        bits: 8 or 4.

    Raises:
        MissingExtraError: If torchao is not installed.
    """
    if importlib.util.find_spec("torchao") is None:
        raise MissingExtraError(f"{bits}-bit weights on the CPU need torchao: pip install torchao")
    from torchao.quantization import Int8WeightOnlyConfig
    from transformers import TorchAoConfig

    return {"quantization_config": TorchAoConfig(Int8WeightOnlyConfig())}
