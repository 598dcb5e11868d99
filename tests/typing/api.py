"""The API as a typed user writes it. Never run: mypy reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import treadle


def rows(path: Path) -> int:
    return len(path.read_text().splitlines())


async def fetch(url: str) -> bytes:
    return url.encode()


def as_they_settle(paths: list[Path]) -> list[int]:
    counts = []
    for outcome in treadle.map(rows, paths, workers=8, timeout=30):
        if outcome.ok:
            counts.append(outcome.value)
        else:
            print(outcome.key, outcome.verdict, outcome.failure.hint)
    return counts


def only_the_values(paths: list[Path]) -> list[int]:
    return treadle.map(rows, paths).values()


def by_ending(outcome: treadle.Outcome[int]) -> str:
    match outcome:
        case treadle.Succeeded(value=value):
            return f"{value + 1}"
        case treadle.Raised(failure=failure):
            return failure.traceback
        case treadle.TimedOut(after=seconds, abandoned=abandoned):
            return f"{seconds:.1f} {abandoned}"
        case treadle.WorkerLost(signal=signal, exitcode=exitcode):
            return f"{signal} {exitcode}"
        case treadle.Unpicklable(what=what):
            return what
        case treadle.Cancelled(reason=reason):
            return reason


def into_a_file(paths: list[Path]) -> None:
    report = treadle.run(
        rows,
        paths,
        into="counts.csv",
        retry=treadle.Retry(attempts=3, on=OSError),
        deadline=timedelta(minutes=5),
        on_error="stop",
        progress="none",
    )
    assert_type(report.ok, int)
    assert_type(report.elapsed, float)
    assert_type(report.stopped, str | None)
    for outcome in report.failures:
        print(outcome.key, outcome.error)


async def on_an_event_loop(urls: list[str]) -> int:
    size = 0
    async for outcome in treadle.amap(
        fetch,
        urls,
        workers=50,
        rate=treadle.Rate(600, per=60),
        capacity=treadle.Capacity(4, key=lambda url: url.split("/")[2]),
        deadline=datetime(2030, 1, 1, tzinfo=UTC),
    ):
        if outcome.ok:
            size += len(outcome.value)
    return size


def an_async_function_from_plain_code(urls: list[str]) -> list[bytes]:
    return treadle.map(fetch, urls, workers=50).values()


def stages(paths: list[Path]) -> list[float]:
    with treadle.Pool(workers=8, backend="processes", start_method="spawn") as pool:
        counts = pool.map(rows, paths, ordered=True).values()
        return pool.map(float, counts).values()


def state_per_worker(paths: list[Path]) -> list[int]:
    def setup() -> dict[str, int]:
        return {}

    def count(path: Path, seen: dict[str, int]) -> int:
        return seen.setdefault(path.name, len(path.name))

    return treadle.map(count, paths, setup=setup).values()


def a_drop_in_for_concurrent_futures(paths: list[Path]) -> int:
    with treadle.Executor(max_workers=8) as executor:
        future = executor.submit(rows, paths[0])
        return future.result(timeout=10) + sum(executor.map(rows, paths))


def followed(paths: list[Path]) -> treadle.Stats:
    stats = treadle.Stats()
    outcomes = treadle.map(rows, paths, listeners=[stats.after])
    with outcomes:
        outcomes.cancel()
    return stats


def sampled(number: int) -> float:
    return number + treadle.current().random.random()


def reproducible() -> list[float]:
    return treadle.map(sampled, range(10), seed=1).values()


def sources() -> None:
    for source in (treadle.files("data/**/*.csv"), treadle.lines("names.txt")):
        treadle.run(str, source)


def table(row: dict[str, Any]) -> dict[str, object]:
    return {"id": row["id"], "length": len(str(row["text"]))}


def from_table_to_table() -> None:
    treadle.run(table, treadle.rows("texts.csv"), into=Path("lengths.jsonl"))


def failing_loudly(paths: list[Path]) -> None:
    try:
        treadle.run(rows, paths)
    except treadle.Interrupted as interrupted:
        print(interrupted.report)
    except treadle.UsageError as error:
        print(error.message, error.hint)
