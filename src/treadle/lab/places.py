"""Where things are below the folder that a stage of ours writes, and how they get there whole."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import treadle

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

PART = "part-000.parquet"
LISTS = "_manifest"  # Arrow, Spark and DuckDB pass over what begins with an underscore
MANIFEST = f"{LISTS}/manifest.parquet"
RECORD = ".treadle"  # our own: the record of the runs, the lock, what was decided once
RUNS = f"{RECORD}/runs"
SCHEMA = f"{RECORD}/procedures.yml"  # what a stage root was made with
STAGED = f"{RECORD}/stage.json"  # what was decided for a stage root
SEGMENTED = f"{RECORD}/segment.json"  # ... and for a root of segments
MEASURED = f"{RECORD}/metrics.json"  # ... and for a root of metrics
CHIPS = f"{RECORD}/chips.yml"  # the chip file that was named for it
ANALYSED = f"{RECORD}/iv.json"  # ... and for a root of what was made of IV sweeps


def part_of(procedure: str, date: str, run_id: str) -> str:
    """Return the path of one measurement's file, relative to its root, in hive form."""
    return f"proc={hive_value(procedure)}/date={date}/run_id={run_id}/{PART}"


def hive_value(text: str) -> str:
    """Write *text* as the value in a folder's name: as in URLs what such a name cannot hold."""
    return quote(text, safe=" ()+,;@[]{}!$&'~") if text not in {"", ".", ".."} else "%" + text


def put_whole(path: Path, write: Callable[[Path], object]) -> None:
    """
    Let *write* fill a file beside *path*, then give it that name: it appears whole or not at all.

    Two processes may do so at once; the last one stays.

    Raises:
        OSError: The place cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident():x}.part")
    try:
        write(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def put_parquet(
    frame: pl.DataFrame | pa.Table,
    path: Path,
    *,
    row_group_size: int = 1 << 20,
    metadata: Mapping[str, str] | None = None,
) -> int:
    """
    Write *frame* to *path*, whole or not at all, in the same bytes for the same frame.

    Args:
        frame: What to write, of Polars or Arrow.
        path: Where to.
        row_group_size: Rows in a group.
        metadata: Texts to put into the file beside the rows.

    Returns:
        Bytes of the file.

    Raises:
        OSError: The place cannot be written to.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = frame if isinstance(frame, pa.Table) else frame.to_arrow()
    whole = pa.BufferOutputStream()
    # Arrow's writer and not Polars', which takes twice as long for a small file (600 rows: 0.2
    # against 0.4 ms). Snappy takes half the time of zstd for 30 % more bytes, and every reader
    # knows it. Measured values hardly ever repeat: a dictionary of them is larger than they.
    names = [each.name for each in table.schema if not pa.types.is_floating(each.type)]
    with pq.ParquetWriter(
        whole, table.schema, compression="snappy", use_dictionary=names, store_schema=False
    ) as writer:
        writer.write_table(table, row_group_size=row_group_size)
        if metadata:
            writer.add_key_value_metadata(metadata)
    content = whole.getvalue()
    _put_bytes(os.fspath(path), content)
    return int(content.size)


def put_list(frame: pl.DataFrame, path: Path) -> None:
    """
    Write a list of ours, whole or not at all, unless it is there in these bytes.

    Raises:
        OSError: The place cannot be written to.
    """
    whole = io.BytesIO()
    # Polars' writer and not Arrow's, which takes 50 MB more for thirty thousand rows of texts.
    frame.write_parquet(whole, compression="snappy", row_group_size=4096)
    content = whole.getvalue()
    if not path.is_file() or path.read_bytes() != content:
        _put_bytes(os.fspath(path), content)


def _put_bytes(path: str, content: pa.Buffer | bytes) -> None:
    """Do as `put_whole` with what is there already; thirty thousand times, so without pathlib."""
    folder, name = os.path.split(path)
    part = f"{folder}/.{name}.{os.getpid()}-{threading.get_ident():x}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        descriptor = os.open(part, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(part, flags, 0o666)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise


def keep_text(path: Path, text: str) -> None:
    """Write *text* to *path*, whole or not at all, unless it is there."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        put_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file of ours; an empty one if it is not there, or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def made_of(stage_root: Path, root: Path) -> dict[str, str]:
    """
    Return what is noted in *root* of the stage root that it is made from.

    By its path, and by the way there, which stays right when the folder of both is moved or copied.
    """
    return {"stage_root": str(stage_root), "beside": os.path.relpath(stage_root, root)}


def stat_of(path: Path) -> tuple[int, int] | None:
    """Return size and time of modification; None if the file is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def has(root: Path, part: str, size: int) -> bool:
    """Tell whether the file *part* below *root* is there with *size* bytes."""
    try:
        return os.stat(f"{root}/{part}").st_size == size
    except OSError:
        return False


def parts(root: Path) -> Iterator[str]:
    """Yield the paths of all measurements' folders below *root*, relative to it."""
    for procedure in _folders(root, "proc="):
        for date in _folders(root / procedure, "date="):
            for run in _folders(root / procedure / date, "run_id="):
                yield f"{procedure}/{date}/{run}"


def _folders(root: Path, prefix: str) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith(prefix))
    except FileNotFoundError:
        return []


def sweep(root: Path, keep: set[str]) -> int:
    """
    Remove the measurements below *root* that are not in *keep* (paths of their files).

    Only files of the name that we give are removed, what a killed worker left half-written among
    them, and folders that are empty then.

    Returns:
        How many measurements were removed.
    """
    removed = 0
    for folder in parts(root):
        place = root / folder
        gone = f"{folder}/{PART}" not in keep
        for entry in list(place.iterdir()):
            if entry.name.startswith(f".{PART}.") or (gone and entry.name == PART):
                entry.unlink(missing_ok=True)
                removed += entry.name == PART
        if gone:
            _remove_empty(place, root)
    return removed


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def check_root(root: str | os.PathLike[str], what: str) -> Path:
    """
    Return the absolute path of a folder that is there.

    Raises:
        UsageError: It is not.
    """
    path = Path(root)
    if not path.is_dir():
        is_file = "is a file, not a folder" if path.exists() else "does not exist"
        raise treadle.UsageError(
            f"the {what} {str(path)!r} {is_file}", hint=f"the search began in {str(Path.cwd())!r}"
        )
    return path.resolve()
