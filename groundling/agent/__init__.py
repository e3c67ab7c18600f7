"""Agents: one step on a page, found by a model, checked before and verified afterwards."""

from groundling.agent.web import LocalLLMWebAgent
from groundling.trace import StepResult

__all__ = ["LocalLLMWebAgent", "StepResult"]
