"""Load a Hugging Face model: device, precision, quantization, and what went wrong in one line."""

import importlib.util
import logging
from pathlib import Path
from typing import Any, Literal

from groundling.errors import (
    MissingExtraError,
    ModelFilesError,
    ModelMemoryError,
    UnknownModelError,
)

_log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda", "mps"]
_PIP = 'pip install "groundling[transformers]"'


def require_packages() -> None:
    """Check that torch and transformers are there.

    Raises:
        MissingExtraError: If not.
    """
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(f"`LocalLLM` needs {package}: {_PIP}")


def pick_device(wanted: str) -> str:
    """Return `cpu`, `cuda` or `mps`.

    Raises:
        ValueError: If `wanted` is none of `auto`, `cpu`, `cuda`, `mps`.
        ModelMemoryError: If the device asked for is not on this machine.
    """
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(name for name, there in present.items() if there)
    if wanted not in present:
        raise ValueError(f"`device` must be auto, cpu, cuda or mps, got {wanted!r}")
    if not present[wanted]:
        raise ModelMemoryError(f'device {wanted!r} is not on this machine: use device="cpu"')
    return wanted


def pick_dtype(device: str) -> Any:  # noqa: ANN401
    """Return half precision where it is fast, else float32.

    On a CPU with native bfloat16 (avx512_bf16 or AMX) a 400-token prefill of a Qwen2 shape takes
    0.26 s instead of 0.66 s (2 cores, EPYC); float16 takes 1.87 s there, so never that.
    """
    import torch

    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device == "mps":
        return torch.float16
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    native = any(getattr(torch.cpu, check, bool)() for check in checks)
    return torch.bfloat16 if native else torch.float32


def load_weights(name: str, device: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """Load model and tokenizer.

    Args:
        name: Hub identifier or folder.
        device: `cpu`, `cuda` or `mps`.
        options: Keys `max_memory`, `load_in_4bit`, `load_in_8bit`, `trust_remote_code`,
            `gguf_file`, `dtype`, `allow_cpu`, `local_files_only`.

    Returns:
        The model in evaluation mode, and its tokenizer.

    Raises:
        MissingExtraError: If the model needs a package that is not installed.
        UnknownModelError: If the hub has no such model.
        ModelFilesError: If files are missing, corrupt, gated or out of reach.
        ModelMemoryError: If the weights do not fit.
    """
    import torch
    from safetensors import SafetensorError

    quantization = _quantization(device, options)
    try:
        model, tokenizer = _from_cache_or_hub(name, device, {**options, **quantization})
    except torch.cuda.OutOfMemoryError as error:
        if options.get("allow_cpu") and device != "cpu":
            _log.warning("%s does not fit %s: falling back to the CPU as allowed", name, device)
            return load_weights(name, "cpu", {**options, "max_memory": None})
        raise memory_error(name, error) from error
    except ImportError as error:  # of gguf, accelerate, sentencepiece or a model's own code
        raise MissingExtraError(
            f"{name} needs a package that is not installed: {_first_line(error)}"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        raise _files_error(name, error) from error
    return model.eval(), tokenizer


def _from_cache_or_hub(name: str, device: str, options: dict[str, Any]) -> tuple[Any, Any]:
    if Path(name).exists():
        return _load(name, device, options, local_files_only=True)
    try:
        return _load(name, device, options, local_files_only=True)
    except OSError:
        if options.get("local_files_only"):
            raise
    # One request that fails at once: the hub client itself would retry for most of a minute.
    _require_on_hub(name)
    return _load(name, device, options, local_files_only=False)


def _load(
    name: str, device: str, options: dict[str, Any], *, local_files_only: bool
) -> tuple[Any, Any]:
    from transformers import AutoTokenizer

    common: dict[str, Any] = {
        "trust_remote_code": options.get("trust_remote_code", False),
        "local_files_only": local_files_only,
    }
    if options.get("gguf_file"):
        common["gguf_file"] = options["gguf_file"]
    tokenizer = AutoTokenizer.from_pretrained(name, **common)
    return _load_model(name, device, options, common), tokenizer


def _require_on_hub(name: str) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        HfApi().model_info(name, timeout=10)
    except GatedRepoError as error:
        raise _gated(name) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UnknownModelError(
            f"neither a folder nor the hub has a model {name!r}: check the spelling, "
            "`groundling models` lists what is known to work"
        ) from error
    except Exception as error:  # the hub client's HTTP library changes between releases
        raise _out_of_reach(name, error) from error


def _load_model(name: str, device: str, options: dict[str, Any], common: dict[str, Any]) -> Any:  # noqa: ANN401
    import transformers

    dtype = options.get("dtype") or pick_dtype(device)
    # Version 5 renamed the argument.
    key = "torch_dtype" if transformers.__version__.startswith("4.") else "dtype"
    arguments: dict[str, Any] = {**common, key: dtype}
    if "quantization_config" in options:
        arguments["quantization_config"] = options["quantization_config"]
    if options.get("max_memory"):
        arguments |= {"device_map": "auto", "max_memory": options["max_memory"]}
    elif device != "cpu":
        arguments["device_map"] = {"": device}
    return transformers.AutoModelForCausalLM.from_pretrained(name, **arguments)


def _quantization(device: str, options: dict[str, Any]) -> dict[str, Any]:
    four, eight = options.get("load_in_4bit"), options.get("load_in_8bit")
    if not (four or eight):
        return {}
    if four and eight:
        raise ValueError("choose one of `load_in_4bit` and `load_in_8bit`")
    if device == "cpu":
        return _cpu_quantization(4 if four else 8)
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError(
            "4-bit and 8-bit on CUDA need bitsandbytes: pip install bitsandbytes"
        )
    import torch
    from transformers import BitsAndBytesConfig

    if eight:
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}  # type: ignore[no-untyped-call]
    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": config}


def _cpu_quantization(bits: int) -> dict[str, Any]:
    """Int8 weights through torchao: half the memory of bfloat16 at the same speed.

    Measured on 2 EPYC cores, Qwen2 shape, 400 and 1 tokens: bfloat16 278 and 18 ms, int8 269 and
    20 ms, int4 285 and 41 ms with int8's memory, because nothing packs it there.
    """
    if bits == 4:
        raise ValueError(
            "4-bit weights do not pay on the CPU with transformers: use `load_in_8bit=True`, or a "
            "4-bit GGUF file (`gguf:PATH`)"
        )
    if importlib.util.find_spec("torchao") is None:
        raise MissingExtraError("8-bit weights on the CPU need torchao: pip install torchao")
    from torchao.quantization import Int8WeightOnlyConfig
    from transformers import TorchAoConfig

    return {"quantization_config": TorchAoConfig(Int8WeightOnlyConfig())}


def memory_error(name: str, error: Exception) -> ModelMemoryError:
    """Turn torch's out-of-memory error into one line with sizes and the two remedies."""
    import torch

    sizes = str(error).split("\n", maxsplit=1)[0]
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        sizes = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free; {sizes}"
    return ModelMemoryError(
        f"{name} does not fit the device ({sizes}): load_in_4bit=True needs a quarter, "
        'device="cpu" is slower but works'
    )


def _files_error(name: str, error: Exception) -> Exception:
    """Name the cause: not here, gated, or broken files."""
    text = _first_line(error)
    if Path(name).exists():
        return ModelFilesError(f"{name} holds no usable model: {text}")
    if "gated repo" in str(error):
        return _gated(name)
    if isinstance(error, OSError):
        return _out_of_reach(name, error)
    return ModelFilesError(f"{name} cannot be loaded: {text}")


def _gated(name: str) -> ModelFilesError:
    return ModelFilesError(
        f"{name} is gated: accept its licence on the hub and log in (`hf auth login`)"
    )


def _out_of_reach(name: str, error: Exception) -> ModelFilesError:
    return ModelFilesError(
        f"{name} is not on this machine and the hub is out of reach: run `groundling pull "
        f"hf:{name}` where there is a network, or give a folder ({_first_line(error)})"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0][:200]
