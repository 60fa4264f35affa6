"""The plan: inference as data."""

from pgmlang.plan.plan import make_plan
from pgmlang.plan.record import Plan, PlanBlock, plan_json, plan_of_json
from pgmlang.plan.show import show

__all__ = ["Plan", "PlanBlock", "make_plan", "plan_json", "plan_of_json", "show"]
