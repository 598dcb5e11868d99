"""What reading and writing cost when nothing else is done: plain processes, one file after another.

No header is read, nothing is hashed, looked up or recorded, and nobody watches. ``VARIANTS`` says
how each part can be done otherwise, so that its share is known.

Workers started with spawn import this module, so it imports nothing that is heavy.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

SKIPPED = "._"  # droppings of macOS
INFERRED = 10_000  # rows that the earlier program looked at
DATA = b"#Data:\r\n"

# A frame of Polars, or a table of Arrow.
Frame: TypeAlias = Any
Reader: TypeAlias = Callable[[bytes], Frame]
Writer: TypeAlias = Callable[[Frame, str], object]


@dataclass(frozen=True, slots=True)
class Variant:
    """
    How files are read and written.

    Attributes:
        read: From bytes to a frame; None stops after the bytes were read.
        write: From a frame to a file; None writes nothing.
        threads: Of Polars, in each process.
        together: Files parsed at once, or merged into one file.
        folders: Write each file to a folder of its own, under another name first.
    """

    read: str | None = "infer 10,000 rows"
    write: str | None = "polars"
    threads: int = 1
    together: int = 1
    folders: bool = False


def paths_of(raw: Path) -> list[str]:
    """Return the files below *raw*, in an order that spreads large ones evenly."""
    return sorted(str(path) for path in raw.rglob("*.csv") if not path.name.startswith(SKIPPED))


def run(raw: Path, out: Path, variant: Variant, *, processes: int = 2) -> dict[str, float]:
    """
    Read and write all files below *raw*.

    Returns:
        ``seconds`` of all, ``working`` without the start of the processes, ``files`` and
        ``failed`` of them.
    """
    began = time.perf_counter()
    paths = paths_of(raw)
    context = multiprocessing.get_context("spawn")
    os.environ["POLARS_MAX_THREADS"] = str(variant.threads)
    workers = []
    for number in range(processes):
        ours, theirs = context.Pipe()
        share = paths[number::processes]
        folder = str(out / str(number))
        Path(folder).mkdir(parents=True)
        process = context.Process(target=_work, args=(theirs, share, folder, variant))
        process.start()
        theirs.close()
        workers.append((process, ours))
    for _, ours in workers:
        ours.recv()  # it is ready
    ready = time.perf_counter()
    for _, ours in workers:
        ours.send("go")
    failed = sum(ours.recv() for _, ours in workers)
    end = time.perf_counter()
    for process, _ in workers:
        process.join()
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "working": end - ready,
        "files": len(paths),
        "failed": failed,
        "files_per_second": len(paths) / seconds,
        "working_files_per_second": len(paths) / (end - ready),
    }


def _work(caller: Connection, paths: Sequence[str], folder: str, variant: Variant) -> None:
    import polars as pl

    pl.read_csv(b"a\n1.0\n").write_parquet(io.BytesIO())
    read = _READERS[variant.read] if variant.read else None
    write = _WRITERS[variant.write] if variant.write else None
    targets = (f"{folder}/{number}" for number in range(len(paths)))
    caller.send("ready")
    caller.recv()
    if variant.together > 1:
        caller.send(_together(paths, targets, variant))
        return
    failed = 0
    for path in paths:
        data = Path(path).read_bytes()
        if read is None:
            continue
        try:
            frame = read(data)
        except Exception:  # the files that are broken
            failed += 1
            continue
        if write is not None:
            _put(write, frame, next(targets), folders=variant.folders)
    caller.send(failed)


def _put(write: Writer, frame: Frame, target: str, *, folders: bool) -> None:
    if not folders:
        write(frame, f"{target}.parquet")
        return
    os.mkdir(target)  # noqa: PTH102
    write(frame, f"{target}/.part")
    os.rename(f"{target}/.part", f"{target}/part-000.parquet")  # noqa: PTH104


def _together(paths: Sequence[str], targets: Iterator[str], variant: Variant) -> int:
    """Parse many files of the same columns at once; write them one by one, or as one."""
    import polars as pl

    write, failed = _WRITERS[variant.write] if variant.write else None, 0
    for begin in range(0, len(paths), variant.together):
        alike: dict[bytes, list[bytes]] = {}
        for path in paths[begin : begin + variant.together]:
            try:
                head, rows = _split(Path(path).read_bytes())
            except ValueError:
                failed += 1
                continue
            if rows.endswith(b"\n"):
                alike.setdefault(head, []).append(rows)
        for head, bodies in alike.items():
            schema = dict.fromkeys(head.decode().split(","), pl.Float64)
            try:
                frame = pl.read_csv(b"".join(bodies), schema=schema, has_header=False)
            except pl.exceptions.PolarsError:
                failed += len(bodies)  # one of them is not sound; all would be read again
                continue
            if write is None:
                continue
            if variant.write == "polars, one file of all":
                write(frame, f"{next(targets)}.parquet")
                continue
            first = 0
            for body in bodies:
                height = body.count(b"\n")
                part = frame.slice(first, height)
                _put(write, part, next(targets), folders=variant.folders)
                first += height
    return failed


# --- reading ------------------------------------------------------------------------------------


def _plain(source: Any, **options: Any) -> Frame:
    import polars as pl

    return pl.read_csv(source, comment_prefix="#", truncate_ragged_lines=True, **options)


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return the line of columns, and the rows."""
    begin = data.index(DATA) + len(DATA)
    end = data.index(b"\r\n", begin)
    return data[begin:end], data[end + 2 :]


def _schema(data: bytes) -> Frame:
    import polars as pl

    columns = _split(data)[0].decode().split(",")
    return _plain(data, schema=dict.fromkeys(columns, pl.Float64))


def _rows(data: bytes, *, newline: bytes = b"\r\n") -> Frame:
    import polars as pl

    head, rows = _split(data)
    if newline != b"\r\n":
        rows = rows.replace(b"\r\n", newline)
    schema = dict.fromkeys(head.decode().split(","), pl.Float64)
    return pl.read_csv(rows, schema=schema, has_header=False, truncate_ragged_lines=True)


def _arrow(data: bytes) -> Frame:
    import pyarrow as pa
    from pyarrow import csv

    head, rows = _split(data)
    columns = head.decode().split(",")
    return csv.read_csv(
        pa.py_buffer(rows),
        read_options=csv.ReadOptions(column_names=columns, use_threads=False),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.float64())),
    )


_READERS: dict[str, Reader] = {
    "infer 10,000 rows": lambda data: _plain(data, infer_schema_length=INFERRED),
    "infer 100 rows": _plain,
    "from BytesIO": lambda data: _plain(io.BytesIO(data), infer_schema_length=INFERRED),
    "schema known": _schema,
    "schema known, header cut off": _rows,
    "the same, LF": lambda data: _rows(data, newline=b"\n"),
    "pyarrow, schema known": _arrow,
}


# --- writing ------------------------------------------------------------------------------------


def _polars(**options: Any) -> Writer:
    return lambda frame, path: frame.write_parquet(path, **options)


def _polars_by_hand(frame: Frame, path: str) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    _bytes(buffer.getbuffer(), path)


def _bytes(data: Any, path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, data)
    os.close(descriptor)


def _pyarrow(**options: Any) -> Writer:
    def write(frame: Frame, path: str) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        table = frame if isinstance(frame, pa.Table) else frame.to_arrow()
        stream = pa.BufferOutputStream()
        parquet.write_table(table, stream, **options)
        _bytes(stream.getvalue(), path)

    return write


_WRITERS: dict[str, Writer] = {
    "polars": _polars(),
    "polars, no statistics": _polars(statistics=False),
    "polars, zstd 1": _polars(compression="zstd", compression_level=1),
    "polars, lz4": _polars(compression="lz4"),
    "polars, snappy": _polars(compression="snappy"),
    "polars, uncompressed": _polars(compression="uncompressed"),
    "polars, BytesIO, os.write": _polars_by_hand,
    "polars, one file of all": _polars(),
    "pyarrow, zstd": _pyarrow(compression="zstd", use_dictionary=False),
    "pyarrow, lz4": _pyarrow(compression="lz4", use_dictionary=False),
}


# --- what is measured ---------------------------------------------------------------------------

FLOOR = Variant()
# What the writers are compared on: reading costs least, and no frame has odd names of columns.
CUT = Variant(read="schema known, header cut off")
MERGED = "polars, one file of all"

VARIANTS: dict[str, Variant] = {
    "floor": FLOOR,
    "only the bytes are read": replace(FLOOR, read=None, write=None),
    **{f"nothing written; {read}": replace(FLOOR, read=read, write=None) for read in _READERS},
    "nothing written; 32 files parsed at once": Variant(write=None, together=32),
    "infer 100 rows; polars": replace(FLOOR, read="infer 100 rows"),
    **{
        f"header cut off; {write}": replace(CUT, write=write)
        for write in _WRITERS
        if write != MERGED
    },
    "header cut off; polars; 2 threads": replace(CUT, threads=2),
    "header cut off; polars; a folder each, renamed": replace(CUT, folders=True),
    "pyarrow; pyarrow, lz4": Variant(read="pyarrow, schema known", write="pyarrow, lz4"),
    "32 files parsed at once; polars": Variant(together=32),
    "32 files parsed at once; polars, lz4": Variant(together=32, write="polars, lz4"),
    "32 files parsed at once; pyarrow, lz4": Variant(together=32, write="pyarrow, lz4"),
    "32 files parsed and written as one": Variant(together=32, write=MERGED),
}
