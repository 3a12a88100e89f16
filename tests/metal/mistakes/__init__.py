"""Mistakes that a driver can make, one each, by the rules that they break."""

from tests.metal.mistakes import dispatches, memory, messages, seldom
from tests.metal.mistakes.planting import PLANTED, Mistake

__all__ = ["PLANTED", "Mistake", "dispatches", "memory", "messages", "seldom"]
