"""Requests and how they ended, for the tests of the results."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import treadle
from treadle.prompts.ended import ended_of
from treadle.prompts.values import Answer, Ask, Message, Usage

HEADER = ("provider", "model", "topic")
CELLS = {"provider": "openai", "model": "gpt-9", "topic": "physics"}


def an_ask(number=1, **facts):
    known = {
        "key": f"key-{number}",
        "index": number - 1,
        "row": number,
        "prompt": "prompt.txt",
        "prompt_hash": "0123456789ab",
        "lane": "openai",
        "model": "gpt-9",
        "messages": (Message("user", "What is it?"),),
        "cells": CELLS,
    }
    return Ask(**{**known, **facts})


def an_answer(text="It is 42.", **facts):
    known = {
        "finish": "stop",
        "model": "gpt-9-2026-01-01",
        "usage": Usage(input=12, output=5, cached=3, reasoning=1),
        "cost": Decimal("0.00000420"),
        "http_status": 200,
        "request_id": "req-1",
        "latency": 1.23456,
    }
    return Answer(text=text, **{**known, **facts})


def succeeded(value, key="key-1", *, attempts=1, started=1_700_000_000.25):
    return treadle.Succeeded(key, 0, attempts, started, 1.5, None, None, None, value)


def cancelled(reason, *, attempts=0):
    return treadle.Cancelled("key-1", 0, attempts, 0.0, 0.0, None, None, None, reason)


def answered(text="It is 42.", number=1, output="", **facts):
    """Return a row of results: the request, and that it got this answer."""
    return an_ask(number, output=output), ended_of(succeeded(an_answer(text, **facts)), waited=0.5)


def read_csv(content):
    """Return the rows of a CSV file, or of its text, as dicts, by the standard library."""
    text = content if isinstance(content, str) else content.read_bytes().decode("utf-8-sig")
    csv.field_size_limit(1 << 30)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
