"""Draws from the generators that a process shares, NumPy's too: it is there before any item."""

from __future__ import annotations

import random

import numpy as np


def draws_globally(value):
    return (random.random(), float(np.random.random()))  # noqa: NPY002  as the name says
