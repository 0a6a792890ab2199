"""From a fitted law to a decision, and the ledger of forecasts."""

from sweep.plan.explain import explain
from sweep.plan.plan import Plan, plan

__all__ = ["Plan", "explain", "plan"]
