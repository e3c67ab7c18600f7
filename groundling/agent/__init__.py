"""Agents: one step on a page, found by a model, checked before and verified afterwards."""

from groundling.agent.robust import RobustLocalLLMAgent
from groundling.agent.verbs import StepOptions
from groundling.agent.web import AgentOptions, LocalLLMWebAgent
from groundling.trace import StepResult

__all__ = [
    "AgentOptions",
    "LocalLLMWebAgent",
    "RobustLocalLLMAgent",
    "StepOptions",
    "StepResult",
]
