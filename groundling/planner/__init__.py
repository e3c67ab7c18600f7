"""Goals of many steps: planners split them, `run_goal` does them one by one and proves the end.

result = agent.run(page, 'Enter "ann" as the user name and press Submit')
Script.of(result).save("login.json")       # later: replay(agent, page, Script.load(...))
"""

from groundling.agent.goal import Past, Planner, PlanStep, RunOptions, RunResult, RunView
from groundling.planner.export import exported
from groundling.planner.llm import LLMPlanner
from groundling.planner.replay import Replayed, ReplayOptions, areplay, replay
from groundling.planner.rules import RulesPlanner
from groundling.planner.run import run_goal
from groundling.planner.script import Script

__all__ = [
    "LLMPlanner",
    "Past",
    "PlanStep",
    "Planner",
    "ReplayOptions",
    "Replayed",
    "RulesPlanner",
    "RunOptions",
    "RunResult",
    "RunView",
    "Script",
    "areplay",
    "exported",
    "replay",
    "run_goal",
]
