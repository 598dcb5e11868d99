"""Cut all files of source trees into one output: what is new or changed is cut, the rest is known.

    discovery ──▶ compared with what is stored ──▶ a run of what is missing ──▶ store ──▶ output

What is cut goes into the ``store`` as it comes, and so the same call goes on after whatever end.
When all files are there, the output is written from it, in order of paths: it depends on the files
and the options, and on nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, Unpack

import treadle
from treadle.cli import left_alone, locked, typed, whole
from treadle.code import kept
from treadle.code.chunking import RETRY, VERSION, Chunker
from treadle.code.discovery import Found
from treadle.code.extra import check_extra
from treadle.code.languages import registry
from treadle.code.mapping import Files, Paths, found, workers
from treadle.code.options import Cutting, Options, split
from treadle.code.outputs import Format, format_of
from treadle.code.places import Outputs, Place
from treadle.code.rendering import Rendering, Todo, chunk_of
from treadle.code.report import Failed, OfLanguage, Report
from treadle.code.store import Compared, Store

__all__ = ["Failed", "OfLanguage", "Report", "run"]


def run(
    roots: Paths,
    into: str | os.PathLike[str],
    *,
    incremental: bool = False,
    dry_run: bool = False,
    **options: Unpack[Options],
) -> Report:
    """
    Cut the files of source trees, and write a row for each chunk, in order of paths.

    The output is the same, byte for byte, on every backend, after any number of kills, and whether
    it was made incrementally. It takes its name when it is whole; after a crash or Ctrl-C the same
    call does what is missing. A file that cannot be read has no rows, and is in the report.

    Args:
        roots: Files and folders, or one of them.
        into: A file that ends in ``.jsonl``, ``.csv`` or ``.parquet``; ``"-"`` for JSONL on
            standard output.
        incremental: Keep beside the output what is needed to do, the next time, only what has
            changed: files with the size and times they had are not opened. Without, all files are
            cut, but for those that an earlier call came to that did not reach its end.
        dry_run: Do nothing; report what would be done.
        options: See :class:`~treadle.code.options.Options`.

    Raises:
        UsageError: An option is wrong, a root is not there, the output cannot be written, or
            another process is at it. Nothing was started.
        MissingExtra: The extra ``code`` is not installed, or pyarrow for Parquet.
        Interrupted: Ctrl-C; ``report`` says how far it came.
        RunFailed: It could not go on, such as for want of disk space; the same.
    """
    if dry_run:
        return foretell(roots, into, incremental=incremental, **options)[0]
    session = _Session.of(roots, into, options, incremental=incremental)
    try:
        with ExitStack() as stack:
            session.see_through(stack)
    finally:
        session.note_time()
    return session.report


def foretell(
    roots: Paths,
    into: str | os.PathLike[str],
    *,
    incremental: bool = False,
    **options: Unpack[Options],
) -> tuple[Report, list[Found]]:
    """
    Find the files, and tell what a run would do; nothing is written.

    Args:
        roots: As for `run`.
        into: As for `run`.
        incremental: As for `run`.
        options: As for `run`.

    Returns:
        What would be done, and the files.

    Raises:
        UsageError: As `run`.
        MissingExtra: As `run`.
    """
    session = _Session.of(roots, into, options, incremental=incremental)
    with ExitStack() as stack:
        session.foretell(stack)
    session.note_time()
    return session.report, session.files


class _Session:
    """One call of `run`."""

    @classmethod
    def of(
        cls,
        roots: Paths,
        into: str | os.PathLike[str],
        options: Mapping[str, Any],
        *,
        incremental: bool,
    ) -> _Session:
        """
        Check what was asked for, and find the files.

        Raises:
            UsageError: As `run`.
            MissingExtra: As `run`.
        """
        check_extra()
        place = Place.of(into)
        form = format_of(place.typed, is_stream=place.is_stream)
        if incremental and place.is_stream:
            raise treadle.UsageError(
                f"nothing can be kept beside {place.typed!r}, which is no file",
                hint="name a file, or leave --incremental out",
            )
        cutting, finding, working = split(options)
        session = cls(place, form, Cutting.of(**cutting), working, incremental=incremental)
        session.check_output()
        session.find(roots, finding)
        return session

    def __init__(
        self,
        place: Place,
        form: Format,
        cutting: Cutting,
        working: Mapping[str, Any],
        *,
        incremental: bool,
    ) -> None:
        self._began = time.monotonic()
        self.report = Report(into=place.typed)
        budget = cutting.budget
        self.report.limit = budget.max_tokens
        if budget.max_tokens is None and budget.tokenizer == "characters":
            self.report.limit = budget.max_chars
        if budget.tokenizer == "characters":
            self.report.unit = "characters"
        self._place = place
        self._format = form
        self._cutting = cutting
        self._working = working
        self._incremental = incremental
        self._salts = _Salts(cutting)
        self.files: list[Found] = []

    def note_time(self) -> None:
        """Note how long it took, once it is at its end."""
        if not self.report.elapsed:
            self.report.elapsed = time.monotonic() - self._began

    def check_output(self) -> None:
        """
        Check that a file that is in the place of the output is one.

        Raises:
            UsageError: It has something else in it, which would be gone.
        """
        file, typed = self._place.file, self._place.typed
        if file is None or self._place.is_stream or self._place.folder.exists():
            return
        try:
            if file.stat().st_size:
                for row in self._format.rows(file):
                    chunk_of(row)
                    break
        except OSError:  # there is none; or whoever writes it will say so
            return
        except (ValueError, LookupError, TypeError) as error:
            raise treadle.UsageError(
                f"{typed!r} is there, and holds no chunks: {error}",
                hint="name another file, or remove this one",
            ) from error

    def find(self, roots: Paths, finding: Mapping[str, Any]) -> None:
        """
        Find the files.

        Raises:
            UsageError: A root is not there.
        """
        report, place = self.report, self._place
        discovery = found(roots, self._cutting, finding)
        files, outputs = place.without_ours(discovery), Outputs()
        self.files = [each for each in files if not outputs.has(each.file)]
        report.files = len(self.files)
        report.left_out.update(getattr(discovery, "left_out", {}))
        report.left_out.update({"output": len(files) - len(self.files)})
        report.left_out = +report.left_out  # without zeros
        report.problems = [tuple(each) for each in getattr(discovery, "problems", ())]

    def foretell(self, stack: ExitStack) -> None:
        """
        Count what there is to do.

        Raises:
            UsageError: Another process is at it.
        """
        self.report.dry = True
        self.report.todo = len(self.files)
        if self._place.is_stream or self._has_nothing_to_do():
            return
        folder = self._place.folder
        stack.enter_context(left_alone(folder, self._doing, hint=_WAIT))
        store = Store(_state(folder), self._salts)
        stack.callback(store.abandon)
        if store.open_as_it_is() and self._knows(store):
            self._count(store.compare(self.files))

    def see_through(self, stack: ExitStack) -> None:
        """
        Do it.

        Raises:
            UsageError: Another process is at it, or the output cannot be written.
            Interrupted, RunFailed: As `run`.
        """
        if self._has_nothing_to_do():
            return
        if self._place.is_stream:
            made = tempfile.TemporaryDirectory(prefix="treadle-code-")
            folder = Path(stack.enter_context(made))
            store = Store(_state(folder), self._salts)
            stack.callback(store.abandon)
            store.open()
        else:
            folder = self._place.folder
            store = self._opened(folder, stack)
        if not self._knows(store):
            store.clear()
        try:
            store.note(incremental=self._incremental)
            compared = store.compare(self.files)
            self._count(compared)
            store.remove_files(compared.removed)
            self._cut(compared.todo, store, folder)
        except (treadle.Interrupted, treadle.RunFailed) as error:
            self._ended_early(error, store)
            raise
        store.open()
        store.count_into(self.report)
        self.report.same = store.same
        if self.report.stopped is None:
            self._finish(store, folder)

    def _opened(self, folder: Path, stack: ExitStack) -> Store:
        stack.enter_context(locked(folder, self._doing, hint=_WAIT, named=folder.parents[2]))
        self._place.hide_from_git()
        store = Store(_state(folder), self._salts)
        stack.callback(store.abandon)
        store.open()
        return store

    def _has_nothing_to_do(self) -> bool:
        """
        Tell whether there are files, but none that was asked for.

        Then the output stays as it is: a slip in a pattern would cost all of it.
        """
        left_out = self.report.left_out
        return not self.files and bool(
            left_out["excluded"] or left_out["language"] or self.report.problems
        )

    @property
    def _doing(self) -> str:
        return f"chunking into {self._place.typed!r}"

    def _knows(self, store: Store) -> bool:
        """
        Tell whether what is stored may be taken over.

        Who asks for no incremental run wants all files cut, but goes on with one that was killed.
        """
        return self._incremental or not store.fact("incremental")

    def _count(self, compared: Compared) -> None:
        self.report.unchanged = compared.unchanged
        self.report.todo = len(compared.todo)
        self.report.removed = len(compared.removed)

    def _cut(self, todo: list[Todo], store: Store, folder: Path) -> None:
        """Run what is to be done, into the store."""
        runs = folder / "runs"
        _remove_tree(runs)  # of earlier sessions, whose word is the store's
        if not todo:
            return
        budget = self._cutting.budget
        ran = treadle.run(
            Rendering(
                Chunker(self._cutting),
                (budget.max_tokens, budget.max_chars, budget.max_lines),
                self._cutting.max_file_size,
            ),
            _Source(todo),
            into=store,
            anew=True,
            name=f"code {self._place.typed}",
            runs_dir=runs,
            command=typed(),
            retry=RETRY,
            **workers(Files(each.found for each in todo), self._working),
        )
        self.report.run_id = ran.run_id
        self.report.stopped = ran.stopped

    def _ended_early(self, error: treadle.Interrupted | treadle.RunFailed, store: Store) -> None:
        """Say in its own report how far it came."""
        report = self.report
        report.run_id = getattr(error.report, "run_id", None)
        report.stopped = getattr(error, "message", "interrupted")
        error.report = report
        try:
            store.open()
            store.count_into(report)
        except treadle.SinkFailed as further:  # the first says why it ended
            error.add_note(f"how far it came cannot be told: {further.message}")

    # ── the output ──────────────────────────────────────────────────────────────────────────────

    def _finish(self, store: Store, folder: Path) -> None:
        """
        Write the output, and keep what is to be kept.

        Raises:
            SinkFailed: It cannot be written; it is as it was.
        """
        place, report = self._place, self.report
        try:
            if place.is_stream:
                self._stream(store)
                return
            assert place.file is not None
            as_left = store.fact("output")
            if as_left is None or as_left != kept.stat_of(place.file):
                with whole(place.file, place.part) as stream:
                    self._format.write(store.values(), stream)
                report.written = True
            self.note_time()
            anew = report.written or kept.kept_report(folder, place.file) is None
            kept.keep(folder, report, place.file, store.files() if anew else None)
            # Last: until it is noted, a session that is killed leaves all of this to be done.
            if report.written:
                store.note(output=kept.stat_of(place.file))
        except OSError as error:
            report.stopped = "the output cannot be written"
            failed = _cannot_write(place, error)
            failed.report = report
            raise failed from error
        if not self._incremental:
            store.remove()
            _remove_tree(folder / "runs")

    def _stream(self, store: Store) -> None:
        self.report.written = True
        if self._place.file is None:
            from treadle.cli import put

            for lines in store.values():
                put(lines.decode())
            return
        try:
            with whole(self._place.file) as stream:
                self._format.write(store.values(), stream)
        except BrokenPipeError:  # whoever read it had enough
            return


class _Source:
    """The files to look at, as a source: their keys are their paths."""

    def __init__(self, todo: list[Todo]) -> None:
        self._todo = todo

    def __iter__(self) -> Iterator[Todo]:
        return iter(self._todo)

    def __len__(self) -> int:
        return len(self._todo)

    def key(self, value: Todo, index: int) -> str:  # noqa: ARG002  sources are asked so
        return value.found.path

    def fingerprint(self, value: Todo) -> None:
        """Return nothing: the store knows what has changed."""


class _Salts:
    """What decides, beside a file, how it is cut, as few hex digits: by its language."""

    def __init__(self, cutting: Cutting) -> None:
        self._cutting = cutting
        self._known: dict[str, str] = {}
        self._common = ""

    def __call__(self, language: str) -> str:
        if language not in self._known:
            if not self._common:
                # Of all of them: another one may claim the name of this file now.
                languages = repr(registry.known_languages())
                parts = [VERSION, treadle.__version__, self._cutting.identity(), languages]
                # What parses, and what tells letters apart.
                parts += [version("tree-sitter"), unicodedata.unidata_version]
                self._common = _digest(parts)
            self._known[language] = _digest([self._common, registry.salt(language)])
        return self._known[language]


def _digest(parts: Iterable[str]) -> str:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def _state(folder: Path) -> Path:
    return folder / "files.sqlite"


_WAIT = "wait for its end and run this again"


def _remove_tree(folder: Path) -> None:
    """Remove a folder as far as that can be done; of a link only the link."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _cannot_write(place: Place, error: OSError) -> treadle.SinkFailed:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    if place.is_stream:
        what = "make room; " if full else ""
        hint = f"{what}a run into a file keeps what is cut, and goes on: --into chunks.jsonl"
    else:
        what = "make room, and run the same command again" if full else ""
        what = what or "run the same command again when it can be"
        hint = f"{what}: all files are cut already"
    why = error.strerror or error
    return treadle.SinkFailed(f"{place.typed!r} cannot be written: {why}", hint=hint)
