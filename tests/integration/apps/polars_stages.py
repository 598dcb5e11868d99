"""Stages with Polars work in the parent between them: what froze at 0 of 7,636.

Usage: polars_stages.py START_METHOD HOW, where HOW is ``pools`` (one for each stage) or ``pool``
(one for all, made before the parent uses Polars). Prints JSON.
"""

from __future__ import annotations

import json
import sys
import threading

import polars as pl

import treadle

START_METHOD, HOW = sys.argv[1], sys.argv[2]
STAGED, SEGMENTED = 20, 300


def stage(number):
    frame = pl.DataFrame({"run": [number] * 50, "value": range(50)})
    return frame.group_by("run").agg(pl.col("value").sum()).row(0)


def merge(rows):
    """Use the parent's Polars threads, lazily and eagerly, also while others may hold them."""
    frame = pl.DataFrame(rows, schema=["run", "total"], orient="row").sort("run")
    return (
        frame.lazy()
        .with_columns(double=pl.col("total") * 2)
        .collect()
        .select(pl.col("double").sum())
        .item()
    )


def segment(number):
    return pl.Series(range(number)).sum()


def report(merged, segments):
    print(json.dumps({"merged": merged, "segments": sum(segments), "count": len(segments)}))


def in_pools():
    staged = treadle.map(stage, range(STAGED), workers=2, start_method=START_METHOD).values()
    merged = merge(staged)
    segments = treadle.map(segment, range(SEGMENTED), workers=2, start_method=START_METHOD).values()
    report(merged, segments)


def in_one_pool():
    """The parent's Polars is busy in threads of its own all the while."""
    over = threading.Event()

    def busy():
        while not over.is_set():
            merge([(number, number) for number in range(1000)])

    with treadle.Pool(workers=2, start_method=START_METHOD) as pool:
        beside = [threading.Thread(target=busy) for _ in range(2)]
        for thread in beside:
            thread.start()
        try:
            staged = pool.map(stage, range(STAGED)).values()
            merged = merge(staged)
            segments = pool.map(segment, range(SEGMENTED)).values()
        finally:
            over.set()
            for thread in beside:
                thread.join()
    report(merged, segments)


in_pools() if HOW == "pools" else in_one_pool()
