"""Joining a Model to data."""

from pgmlang.binding.bind import bind
from pgmlang.binding.close import close_model
from pgmlang.binding.record import Binding
from pgmlang.binding.report import binding_report
from pgmlang.binding.stream import bind_batches

__all__ = ["Binding", "bind", "bind_batches", "binding_report", "close_model"]
