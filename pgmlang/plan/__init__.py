"""The plan: inference as data."""

from pgmlang.plan.plan import Block, Plan, make_plan
from pgmlang.plan.show import plan_json, show

__all__ = ["Block", "Plan", "make_plan", "plan_json", "show"]
