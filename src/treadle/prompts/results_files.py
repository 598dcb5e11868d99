"""The results of a run whose rows go to several files, as the path they were given says."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

from treadle.prompts.columns import Columns
from treadle.prompts.results_file import ResultsFile, discover
from treadle.prompts.rewriting import Rewriting
from treadle.prompts.values import Ask, Ended
from treadle.prompts.whole_file import is_stream

_MOST_OPEN = 64
_FLUSH_AT = 1 << 22  # bytes of all files together, for there may be thousands


class ResultsFiles:
    """
    The results of a run, each row in the file that its ``Ask.output`` names.

    All files have the same columns. May be used from several threads.

    Args:
        columns: What stands in them.
        paths: Files that are made whether a row goes there or not; one that is empty is stdout.
            Rows whose path is empty, and stdout is not among these, have no place: theirs could
            not be made, and they are left out.
        bom: Begin CSV files with a byte order mark, which Excel needs.
        stdout: Takes the text for stdout; default: ``treadle.cli.put``.
    """

    def __init__(
        self,
        columns: Columns,
        *,
        paths: Iterable[str] = (),
        bom: bool = False,
        stdout: Callable[[str], object] | None = None,
    ) -> None:
        self._columns = columns
        self._paths = tuple(paths)
        self._bom = bom
        self._stdout = stdout
        self._open: OrderedDict[str, ResultsFile] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, rows: Iterable[tuple[Ask, Ended]] = ()) -> None:
        """
        Put files in place that have the names of the columns and *rows*.

        Raises:
            SinkFailed: A file cannot be written.
        """
        self.close()
        self._write_whole(rows, is_end=False)

    def add(self, rows: Iterable[tuple[Ask, Ended]]) -> None:
        """
        Append each row to its file.

        Raises:
            SinkFailed: A file cannot be written.
        """
        by_output: dict[str, list[tuple[Ask, Ended]]] = {}
        for row in rows:
            if row[0].output:  # stdout gets its rows at the end
                by_output.setdefault(row[0].output, []).append(row)
        with self._lock:
            for output, own in by_output.items():
                self._file(output).add(own)

    def finish(self, rows: Iterable[tuple[Ask, Ended]]) -> None:
        """
        Write all files anew with *rows* in their order, and put each in place in one step.

        Args:
            rows: As in `ResultsFile.finish`.

        Raises:
            SinkFailed: A file cannot be written.
            UsageError: *rows* cannot be read twice, and must be.
        """
        discover(self._columns, rows)
        self.close()
        self._write_whole(rows, is_end=True)

    def close(self) -> None:
        """Let go of all files; `add` opens them again."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _write_whole(self, rows: Iterable[tuple[Ask, Ended]], *, is_end: bool) -> None:
        anew: dict[str, Rewriting] = {}
        try:
            for output in self._paths:
                self._rewriting(output, anew, is_end=is_end)
            held = 0
            for ask, ended in rows:
                own = self._rewriting(ask.output, anew, is_end=is_end)
                held += 0 if own is None else own.add(ask, ended)
                if held > _FLUSH_AT:
                    held = 0
                    for each in anew.values():
                        each.flush()
            for each in anew.values():
                each.put()
        except BaseException:
            for each in anew.values():
                each.discard()
            raise

    def _rewriting(
        self, output: str, anew: dict[str, Rewriting], *, is_end: bool
    ) -> Rewriting | None:
        """Return what is written to *output*; None for what only gets the rows of the end."""
        found = anew.get(output)
        if not output and not (is_end and output in self._paths):
            return None
        if found is None and (is_end or not is_stream(Path(output))):
            path = Path(output) if output else None
            found = anew[output] = Rewriting(
                path, self._columns, bom=self._bom, stdout=self._stdout
            )
        return found

    def _file(self, output: str) -> ResultsFile:
        """Return the file *output*; those that were not used for long are closed."""
        file = self._open.get(output)
        if file is None:
            while len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)[1].close()
            file = self._open[output] = ResultsFile(Path(output), self._columns, bom=self._bom)
        self._open.move_to_end(output)
        return file
