"""How much a chunk may hold: limits in tokens, characters and lines, which all hold at once.

budget      the limits, as the user gave them
tokenizers  what a token is: by name, or a function of the user's
measures    the limits laid on one file: does this span fit, how far does one get from here
"""

from __future__ import annotations

from treadle.code.budget.budget import Budget
from treadle.code.budget.measures import Measure

__all__ = ["Budget", "Measure"]
