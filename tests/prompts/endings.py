"""Requests and how they ended, made up in a word or two."""

from __future__ import annotations

from decimal import Decimal

from treadle.prompts.values import Answer, Ask, Ended, Message, Usage


def asked(lane="openai", model="gpt-4o-mini", prompt="ask.txt", row=1, said="Why?", **facts):
    messages = (Message("user", said),)
    given = {"key": f"k{row}", "index": row - 1, "prompt_hash": "0" * 12, **facts}
    return Ask(lane=lane, model=model, prompt=prompt, row=row, messages=messages, **given)


def good(
    text="because",
    *,
    finish="stop",
    cost="0.01",
    tokens=(10, 2),
    cached=None,
    estimated=False,
    latency=1.0,
    attempts=1,
    scores=None,
    warnings=(),
):
    usage = Usage(
        input=tokens[0],
        output=tokens[1],
        cached=cached,
        source="estimate" if estimated else "usage",
    )
    answer = Answer(
        text=text,
        finish=finish,
        usage=usage,
        cost=None if cost is None else Decimal(cost),
        latency=latency,
        scores=scores or {},
        warnings=warnings,
    )
    return Ended(status=answer.status, answer=answer, attempts=attempts)


def failed(kind="server_error", error="HTTP 502: Bad gateway", *, attempts=1, waited=0.0):
    return Ended(
        status="error", error_type=kind, error=error, attempts=attempts, waited=waited,
        http_status=502,
    )  # fmt: skip


def skipped(reason="budget"):
    return Ended(status="skipped", error_type=reason, error="nothing left to spend")
