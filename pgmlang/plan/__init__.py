"""The plan: inference as data."""

from pgmlang.plan.plan import make_plan
from pgmlang.plan.record import Plan, PlanBlock, brief, plan_json, plan_of_json, show

__all__ = ["Plan", "PlanBlock", "brief", "make_plan", "plan_json", "plan_of_json", "show"]
