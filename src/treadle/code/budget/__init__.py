"""How much a chunk may hold: limits in tokens, characters and lines, which all hold at once.

budget      the limits, as the user gave them
tokenizers  what a token is: by name, or a function of the user's
functions   tells functions of the user's apart
measures    the limits laid on one file: does this span fit, how far does one get from here
overlaps    where the overlap of each chunk of a file begins
"""

from __future__ import annotations

from treadle.code.budget.budget import Budget
from treadle.code.budget.measures import Measure

__all__ = ["Budget", "Measure"]
