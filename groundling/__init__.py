"""Web automation with small local language models: a page goes in, a checked action comes out.

    from playwright.sync_api import sync_playwright
    import groundling

    agent = groundling.LocalLLMWebAgent(groundling.load_llm("embedded"))
    result = agent.find_and_click_element(page, "find_input", "search box")

Names are imported on first use, so `import groundling` stays under a tenth of a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundling.agent import LocalLLMWebAgent, RobustLocalLLMAgent
    from groundling.browser import asnapshot, snapshot
    from groundling.decision import Decision, DecisionConfig, Selection
    from groundling.elements import ElementSnapshot, RawElement
    from groundling.errors import GroundlingError
    from groundling.filtering import ElementFilter
    from groundling.llm import load_llm
    from groundling.llm.base import BaseLLM, Choice, LLMResponse
    from groundling.llm.batch import batch_analyze_elements
    from groundling.llm.cached import CachedLLM, CachedLocalLLM
    from groundling.llm.cloud import CloudLLM
    from groundling.llm.embedded import EmbeddedLLM
    from groundling.llm.ensemble import EnsembleLLM
    from groundling.llm.hybrid import HybridLLM
    from groundling.llm.llamacpp import LlamaCppLLM
    from groundling.llm.scripted import ScriptedLLM
    from groundling.llm.transformers import LocalLLM
    from groundling.parsing import ResponseParser
    from groundling.prompts import PromptBuilder

__version__ = "0.1.0"

_HOME = {
    "BaseLLM": "llm.base",
    "CachedLLM": "llm.cached",
    "CachedLocalLLM": "llm.cached",
    "Choice": "llm.base",
    "CloudLLM": "llm.cloud",
    "Decision": "decision",
    "DecisionConfig": "decision",
    "ElementFilter": "filtering",
    "ElementSnapshot": "elements",
    "EmbeddedLLM": "llm.embedded",
    "EnsembleLLM": "llm.ensemble",
    "GroundlingError": "errors",
    "HybridLLM": "llm.hybrid",
    "LLMResponse": "llm.base",
    "LlamaCppLLM": "llm.llamacpp",
    "LocalLLM": "llm.transformers",
    "LocalLLMWebAgent": "agent",
    "PromptBuilder": "prompts",
    "RawElement": "elements",
    "ResponseParser": "parsing",
    "RobustLocalLLMAgent": "agent",
    "ScriptedLLM": "llm.scripted",
    "Selection": "decision",
    "asnapshot": "browser",
    "batch_analyze_elements": "llm.batch",
    "load_llm": "llm",
    "snapshot": "browser",
}

__all__ = [
    "BaseLLM",
    "CachedLLM",
    "CachedLocalLLM",
    "Choice",
    "CloudLLM",
    "Decision",
    "DecisionConfig",
    "ElementFilter",
    "ElementSnapshot",
    "EmbeddedLLM",
    "EnsembleLLM",
    "GroundlingError",
    "HybridLLM",
    "LLMResponse",
    "LlamaCppLLM",
    "LocalLLM",
    "LocalLLMWebAgent",
    "PromptBuilder",
    "RawElement",
    "ResponseParser",
    "RobustLocalLLMAgent",
    "ScriptedLLM",
    "Selection",
    "asnapshot",
    "batch_analyze_elements",
    "load_llm",
    "snapshot",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOME:
        raise AttributeError(f"module 'groundling' has no attribute {name!r}")
    value = getattr(import_module(f"groundling.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
