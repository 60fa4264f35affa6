"""The plan: inference as data."""

from pgmlang.plan.plan import Plan, PlanBlock, make_plan
from pgmlang.plan.show import plan_json, show

__all__ = ["Plan", "PlanBlock", "make_plan", "plan_json", "show"]
