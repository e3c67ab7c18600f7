"""Goals of many steps: planners split them, `run_goal` does them one by one and proves the end.

result = agent.run(page, 'Enter "ann" as the user name and press Submit')
"""

from groundling.agent.goal import Past, Planner, PlanStep, RunOptions, RunResult, RunView
from groundling.planner.rules import RulesPlanner
from groundling.planner.run import run_goal

__all__ = [
    "Past",
    "PlanStep",
    "Planner",
    "RulesPlanner",
    "RunOptions",
    "RunResult",
    "RunView",
    "run_goal",
]
