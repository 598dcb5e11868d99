"""Source code to chunks, beside parsing alone and beside others who cut code.

Speed is that of one process on files that are in memory: what is timed is the cutting of each, and
for parsing alone the parsing. Every answer is checked: whether the chunks of a file, joined, are
the file, and whether any is over the budget. The whole job (paths in, outcomes out) is timed in
this process, with one worker and with two. Then: what twice as much of a bad input costs, a
command with ten thousand unchanged files, an import, and how many functions stay whole.

The others run in a Python of their own: ``--peers-python PYTHON``, which has what one wants of
cocoindex, llama-index-core with tree-sitter-language-pack<1, chonkie==1.5.6, semantic-text-splitter
and astchunk. (Chonkie 1.6 and later fetch their grammars when first used, and are left out.)
Corpora: see ``code_corpus``; ``--tree PATH`` adds one of your own.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import code_corpus, code_inputs, code_peers, harness
from benchmarks.code_peers import BUDGET
from benchmarks.harness import Facts, Measurement, Options, Result, Target

CASE = "code"
PARSE = "parsing alone"
WHOLE = "whole python"
IMPORTED = ("treadle.code", "import treadle.code")
PEERS_PYTHON = "TREADLE_BENCHMARK_CODE_PEERS"
TREE = "TREADLE_BENCHMARK_CODE_TREE"
ONLY = "TREADLE_BENCHMARK_CODE_ONLY"
INSTALLED = harness.ROOT / ".venvs" / "code-peers" / "bin" / "python"
QUIET = {"COCOINDEX_DISABLE_USAGE_TRACKING": "1"}  # lest it calls home when it is imported
SAMPLE = 400  # files of a corpus for what is compared with others: some take minutes for all
TRIALS = 5
KEPT = 0.99999  # of what is not white space: a peer below it is fast at losing text
UNCHANGED = 10_000  # files

# Told apart by hand, and not taken from the tables of ``treadle.code``: these are to be judged.
FUNCTIONS: dict[str, frozenset[str]] = {
    "bash": frozenset({"function_definition"}),
    "c": frozenset({"function_definition"}),
    "cpp": frozenset({"function_definition"}),
    "csharp": frozenset({"method_declaration", "constructor_declaration"}),
    "go": frozenset({"function_declaration", "method_declaration"}),
    "java": frozenset({"method_declaration", "constructor_declaration"}),
    "javascript": frozenset({"function_declaration", "method_definition"}),
    "kotlin": frozenset({"function_declaration"}),
    "lua": frozenset({"function_declaration"}),
    "php": frozenset({"function_definition", "method_declaration"}),
    "python": frozenset({"function_definition"}),
    "ruby": frozenset({"method", "singleton_method"}),
    "rust": frozenset({"function_item"}),
    "scala": frozenset({"function_definition"}),
    "typescript": frozenset({"function_declaration", "method_definition"}),
}


def measure(facts: Facts, *, engine: str, what: str, **arguments: Any) -> None:
    """Measure one of the things."""
    if what == "speed":
        arguments["engine"] = engine
    _STEPS[what](facts, **arguments)


_OPTIONS: dict[str, Any] = {"max_chars": BUDGET, "max_chunks": 10**9, "generated": True}


# --- cutting what is in memory -------------------------------------------------------------------


def _speed(facts: Facts, *, engine: str, files: str, python: str) -> None:
    if engine == harness.TREADLE:
        facts.update(_ours(_parsable(files)))
    elif engine == PARSE:
        facts.update(_parsing(_parsable(files)))
    else:
        facts.update(_theirs(engine, files, python))
    facts["mb_per_second"] = facts["bytes"] / facts["seconds"] / 1e6


def _load(files: str) -> list[tuple[bytes, str]]:
    """Read all files: what is timed is not the disk."""
    pairs = json.loads(Path(files).read_text(encoding="utf-8"))
    return [(Path(path).read_bytes(), language) for path, language in pairs]


def _parsable(files: str) -> list[tuple[bytes, str]]:
    """Read those with a grammar: what is not parsed has no place beside parsing alone."""
    from treadle.code.languages import loading

    return [(data, language) for data, language in _load(files) if loading.grammar(language)]


def _ours(files: list[tuple[bytes, str]]) -> Facts:
    from treadle import code

    for language in {language for _, language in files}:
        code.chunk_text(b"a", language, max_chars=BUDGET)  # loads the grammar
    texts = []

    def keep(data: bytes, found: Any) -> None:
        _check(data, found)
        texts.append((data.decode(), [chunk.text for chunk in found.chunks]))

    cut = functools.partial(code.chunk_text, **_OPTIONS)
    seconds, cpu = _timed(files, cut, keep)
    judged = code_peers.judge(texts, len)
    return {"seconds": seconds, "cpu_seconds": cpu, "failed": 0, **judged}


def _check(data: bytes, found: Any) -> None:
    """Look whether bytes, places and budget are as promised: what is fast must be right too."""
    at = 0
    for index, chunk in enumerate(found.chunks):
        if (chunk.index, chunk.start_byte) != (index, at):
            raise RuntimeError(f"chunk {index} begins at {chunk.start_byte}, not at {at}")
        if chunk.text.encode() != data[chunk.start_byte : chunk.end_byte]:
            raise RuntimeError(f"chunk {index} does not hold what is at its place")
        if chunk.tokens != len(chunk.text) or chunk.tokens > BUDGET:
            raise RuntimeError(f"chunk {index} has {len(chunk.text)} characters: {chunk.tokens}")
        at = chunk.end_byte
    if found.status != "skipped" and at != len(data):
        raise RuntimeError(f"the chunks end at {at} of {len(data)}")


def _parsing(files: list[tuple[bytes, str]]) -> Facts:
    parsers = {language: _parser(language) for _, language in files}

    def parse(data: bytes, language: str) -> None:
        parsers[language].parse(data)

    seconds, cpu = _timed(files, parse)
    size = sum(len(data) for data, _ in files)
    return {"seconds": seconds, "cpu_seconds": cpu, "bytes": size, "files": len(files)}


def _parser(language: str) -> Any:
    """Make a parser of our own, with the grammar that ``treadle.code`` would take."""
    import tree_sitter

    from treadle.code.languages import loading

    loaded = loading.grammar(language)
    assert loaded is not None  # asked for only where there is one
    return tree_sitter.Parser(loaded.language)


def _timed(
    files: list[tuple[bytes, str]],
    action: Callable[[bytes, str], Any],
    keep: Callable[[bytes, Any], None] = lambda data, result: None,  # noqa: ARG005
) -> tuple[float, float]:
    """Time each file by itself, as with the peers: what is kept of the others costs nothing."""
    gc.collect()
    seconds = cpu_seconds = 0.0
    for data, language in files:
        began, cpu = time.perf_counter(), time.process_time()
        result = action(data, language)
        seconds += time.perf_counter() - began
        cpu_seconds += time.process_time() - cpu
        keep(data, result)
    return seconds, cpu_seconds


def _theirs(engine: str, files: str, python: str) -> Facts:
    pairs = json.loads(Path(files).read_text(encoding="utf-8"))
    known = code_peers.ONLY.get(engine)
    if known and not {language for _, language in pairs} <= known:
        return {"unsupported": "does not know the language", "bytes": 0, **_NO_TIME}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "facts.json")
        subprocess.run(
            [python, "-m", "benchmarks.code_peers", engine, files, str(out)],
            cwd=harness.ROOT,
            env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"} | QUIET,
            check=True,
        )
        found: Facts = json.loads(out.read_text(encoding="utf-8"))
    return found


_NO_TIME = {"seconds": 1.0, "cpu_seconds": 1.0}


# --- the whole job -------------------------------------------------------------------------------


def _job(facts: Facts, files: str, workers: int, start_method: str) -> None:
    """Paths in, outcomes out; 0 workers: in this process."""
    from treadle import code

    pairs = json.loads(Path(files).read_text(encoding="utf-8"))
    paths = [Path(path) for path, _ in pairs]
    how: dict[str, Any] = {"backend": "inline"}
    if workers:
        how = {"backend": "processes", "workers": workers, "start_method": start_method}
    began = time.perf_counter()
    settled = chunks = 0
    # What hides or ignores files is switched off: these are to be cut, all of them.
    for outcome in code.chunk(paths, max_chars=BUDGET, **_EVERYTHING, **how):
        if not outcome.ok:
            raise RuntimeError(f"{outcome.key}: {outcome.error}")
        settled += 1
        chunks += len(outcome.value.chunks)
    facts["seconds"] = time.perf_counter() - began
    facts.update(files=settled, chunks=chunks)
    facts["mb_per_second"] = sum(path.stat().st_size for path in paths) / facts["seconds"] / 1e6
    if settled != len(paths):
        raise RuntimeError(f"{settled} outcomes for {len(paths)} files")


_EVERYTHING: dict[str, Any] = {
    "hidden": True,
    "vendored": True,
    "ignore": False,
    "generated": True,
}


# --- bad inputs ----------------------------------------------------------------------------------


def _linear(facts: Facts, family: str, shrink: int, trials: int) -> None:
    """Cut a text and one of twice its size, turn about, in seconds of CPU."""
    from treadle import code

    kind = code_inputs.FAMILIES[family]
    size = max(kind.size // shrink, 1)
    texts = [kind.make(size), kind.make(2 * size)]
    seconds: list[list[float]] = [[], []]
    for number in range(trials + 1):
        for which, text in enumerate(texts):
            gc.collect()
            began = time.process_time()
            found = code.chunk_text(text, kind.language, **_OPTIONS)
            if number:  # the first warms up
                seconds[which].append(time.process_time() - began)
            if found.encoding == "utf-8":
                _check(text, found)
    once, twice = map(median, seconds)
    facts.update(once=once, twice=twice, ratio=twice / once, status=found.status)
    facts.update(reason=found.reason, mb=len(texts[1]) / 1e6)


# --- ten thousand unchanged files ----------------------------------------------------------------


def _incremental(facts: Facts, place: str, files: int) -> None:
    """The same command twice; the second is timed, from start to end."""
    with tempfile.TemporaryDirectory(dir=place, prefix="tree-") as name:
        folder = Path(name)
        _grow(folder / "tree", files)
        command = [sys.executable, "-m", "treadle", "code", "chunk", "tree"]
        command += ["--into", "out.jsonl", "--incremental", "--progress", "none"]
        facts["first_seconds"] = _command(command, folder)
        written = (folder / "out.jsonl").stat()
        if not written.st_size:
            raise RuntimeError("nothing was written")
        time.sleep(2.1)  # until no file can have been changed since within a tick of its clock
        facts["settling_seconds"] = _command(command, folder)
        facts["seconds"] = _command(command, folder)
        if (folder / "out.jsonl").stat().st_mtime_ns != written.st_mtime_ns:
            raise RuntimeError("the output was written again")


def _grow(root: Path, files: int) -> None:
    for number in range(files):
        folder = root / f"package{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        text = f"def name{number}(value):\n    return value + {number}\n"
        (folder / f"module{number}.py").write_text(text, encoding="utf-8")


def _command(command: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


# --- importing -----------------------------------------------------------------------------------


def _importing(facts: Facts, statement: str) -> None:
    """Time the import in a process that has imported nothing else."""
    program = f"import time; began = time.perf_counter(); {statement}\n"
    program += "print(time.perf_counter() - began)"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    facts["ms"] = float(said) * 1000


# --- whether functions stay whole ----------------------------------------------------------------


def _quality(facts: Facts, files: str) -> None:
    """Count functions that fit with a walk over every node of a tree of our own."""
    from treadle import code

    reasons: Counter[str] = Counter()
    fill: list[float] = []
    by_language: dict[str, list[int]] = {}
    for data, language in _load(files):
        found = code.chunk_text(data, language, **_OPTIONS)
        fill.extend(chunk.tokens / BUDGET for chunk in found.chunks[:-1])
        reasons[found.reason or "ok"] += 1
        wanted = FUNCTIONS.get(language)
        if wanted is None or found.method != "syntax":
            continue
        counts = by_language.setdefault(language, [0, 0])
        for start, end in _functions(data, language, wanted):
            if len(data[start:end].decode()) <= BUDGET:
                counts[0] += 1
                counts[1] += _lies_whole(found.chunks, start, end)
    fitting = sum(counts[0] for counts in by_language.values())
    whole = sum(counts[1] for counts in by_language.values())
    facts.update(functions=fitting, whole=100 * whole / max(fitting, 1))
    facts["reasons"] = dict(reasons.most_common())
    facts["fill"] = 100 * sum(fill) / max(len(fill), 1)
    facts["by_language"] = {
        language: [fits, round(100 * kept / fits, 2)]
        for language, (fits, kept) in sorted(by_language.items())
        if fits
    }


def _functions(data: bytes, language: str, wanted: frozenset[str]) -> Iterator[tuple[int, int]]:
    tree = _parser(language).parse(data)
    stack = [tree.root_node]
    while stack:
        node = stack.pop()
        if node.type in wanted:
            yield node.start_byte, node.end_byte
        stack.extend(node.children)


def _lies_whole(chunks: Sequence[Any], start: int, end: int) -> bool:
    return any(chunk.start_byte <= start and end <= chunk.end_byte for chunk in chunks)


_STEPS: dict[str, Callable[..., None]] = {
    "speed": _speed,
    "job": _job,
    "linear": _linear,
    "incremental": _incremental,
    "importing": _importing,
    "quality": _quality,
}


# --- all of them ---------------------------------------------------------------------------------

_NEED_FILES = {"speed", "job", "quality"}


@dataclass(frozen=True, slots=True)
class Session:
    """
    One run of this case.

    Attributes:
        options: What was asked for.
        result: Where all goes.
        place: A folder for what is made on the way.
        corpora: From names to lists of files, in JSON; of ``WHOLE``, all files there are.
    """

    options: Options
    result: Result
    place: Path
    corpora: dict[str, str]

    @property
    def samples(self) -> dict[str, str]:
        """The corpora for what is done file by file."""
        return {name: files for name, files in self.corpora.items() if name != WHOLE}

    def interleave(
        self,
        variants: dict[str, dict[str, Any]],
        *,
        rounds: int,
        limit: float,
        engines: Sequence[str] = (harness.TREADLE,),
    ) -> list[Measurement]:
        """Measure, and keep the measurements."""
        rounds = self.options.rounds or (1 if self.options.quick else rounds)
        found = harness.interleave(CASE, engines, variants, rounds=rounds, limit=limit)
        self.result.measurements += found
        return found


def run(options: Options) -> Result:
    """Measure all of it, or what ``--only`` names."""
    result = Result(CASE, {"budget": f"{BUDGET} characters", "files of a corpus": SAMPLE})
    only = os.environ.get(ONLY, "").split(",") if os.environ.get(ONLY) else list(_STEPS)
    with tempfile.TemporaryDirectory(prefix="treadle-code-") as name:
        place = Path(name)
        corpora = _corpora(place, options, result) if _NEED_FILES & set(only) else {}
        session = Session(options, result, place, corpora)
        for step in only:
            _ADDERS[step](session)
    return result


def _corpora(place: Path, options: Options, result: Result) -> dict[str, str]:
    """Write the lists of files of each corpus."""
    limit = 30 if options.quick else SAMPLE
    wanted: dict[str, tuple[str, int | None]] = {"python": ("python", limit)}
    wanted[WHOLE] = ("python", limit if options.quick else None)
    if not options.quick:  # nothing is fetched to see whether the script works
        wanted |= {"c": ("c", limit), "many": ("many", None)}
    if tree := os.environ.get(TREE):
        wanted[tree] = (tree, None)
    found: dict[str, str] = {}
    for name, (corpus, most) in wanted.items():
        files = code_corpus.choose(corpus, notes=result.notes, limit=most)
        size = sum(Path(path).stat().st_size for path, _ in files)
        result.settings[name] = f"{len(files):,} files, {size / 1e6:.1f} MB"
        path = place / f"{len(found)}.json"
        path.write_text(json.dumps(files), encoding="utf-8")
        found[name] = str(path)
    return found


def _add_speed(session: Session) -> None:
    python = _peers_python()
    others = _peers(session, python)
    for name, files in session.samples.items():
        engines = [harness.TREADLE, PARSE, *(others if name in {"python", "c"} else ())]
        variants = {name: {"what": "speed", "files": files, "python": python}}
        measured = session.interleave(variants, engines=engines, rounds=5, limit=900)
        sound = [each for each in measured if not each.facts.get("unsupported")]
        speed = harness.values(sound, "mb_per_second", name)
        harness.add_row(
            session.result, f"{name}, one process", "MB/s", speed,
            better="higher", target=Target(ratio=0.9), against=PARSE,
        )  # fmt: skip
        rivals = {
            engine: speeds
            for engine, speeds in speed.items()
            if engine != PARSE and (engine == harness.TREADLE or _keeps_all(sound, engine))
        }
        if len(rivals) > 1:
            harness.add_row(
                session.result, f"{name}, beside those who lose no text", "MB/s", rivals,
                better="higher", target=Target(ratio=1.2),
            )  # fmt: skip
        _note_what_became_of_the_text(session.result, sound, name)


def _keeps_all(measured: Sequence[Measurement], engine: str) -> bool:
    found = [each.facts for each in measured if each.engine == engine]
    return all(facts.get("kept", 0) >= KEPT and not facts.get("failed") for facts in found)


def _note_what_became_of_the_text(
    result: Result, measured: Sequence[Measurement], name: str
) -> None:
    told = set()
    for each in measured:
        facts = each.facts
        if each.engine in told or "rejoined" not in facts:
            continue
        told.add(each.engine)
        result.notes.append(
            f"{name}, {each.engine}: {facts['rejoined']} of {facts['files']} files rejoin,"
            f" {facts['kept']:.2%} kept, {facts['over']} of {facts['chunks']} chunks over the"
            f" budget (largest {facts['largest']}), fill {facts['fill']:.0%},"
            f" {facts['failed']} failed"
        )


def _add_job(session: Session) -> None:
    files = session.corpora[WHOLE]
    names = {"in this process": 0, "one worker": 1, "two workers": 2}
    common = {"what": "job", "files": files, "start_method": session.options.start_method}
    variants = {name: {**common, "workers": workers} for name, workers in names.items()}
    measured = session.interleave(variants, rounds=5, limit=600)
    seconds = {
        name: found[harness.TREADLE]
        for name in variants
        if (found := harness.values(measured, "seconds", name))
    }
    if len(seconds) < len(variants):
        return  # each that failed has a line of its own
    for name, target in (("in this process", Target(ratio=1.7)), ("one worker", Target())):
        by_engine = {harness.TREADLE: seconds["two workers"], name: seconds[name]}
        harness.add_row(
            session.result, f"two workers beside {name}", "s", by_engine,
            better="lower", target=target, against=name,
        )  # fmt: skip


def _add_linear(session: Session) -> None:
    common = {"what": "linear", "shrink": 20 if session.options.quick else 1}
    common["trials"] = 1 if session.options.quick else TRIALS
    variants = {family: {**common, "family": family} for family in code_inputs.FAMILIES}
    measured = session.interleave(variants, rounds=1, limit=300)
    for family in variants:
        ratios = harness.values(measured, "ratio", family)
        facts = next(each.facts for each in measured if each.variant == family)
        took = f", {facts['mb']:.1f} MB in {facts['twice']:.2f} s" if "twice" in facts else ""
        if facts.get("reason"):
            session.result.notes.append(f"{family}: {facts['status']}, {facts['reason']}")
        harness.add_row(
            session.result, f"twice: {family}{took}", "times", ratios,
            better="lower", target=Target(limit=2.3),
        )  # fmt: skip


def _add_incremental(session: Session) -> None:
    files = 200 if session.options.quick else UNCHANGED
    variant = f"{files:,} unchanged files"
    variants = {variant: {"what": "incremental", "place": str(session.place), "files": files}}
    measured = session.interleave(variants, rounds=5, limit=300)
    for what, fact, target in (
        (variant, "seconds", Target(limit=1.0)),
        (f"{files:,} new files", "first_seconds", Target()),
    ):
        harness.add_row(
            session.result, what, "s", harness.values(measured, fact), better="lower", target=target
        )


def _add_importing(session: Session) -> None:
    statements = dict([IMPORTED])
    statements["import, and a first chunk"] = (
        "import treadle.code; treadle.code.chunk_text('a = 1', 'python')"
    )
    variants = {
        name: {"what": "importing", "statement": statement}
        for name, statement in statements.items()
    }
    measured = session.interleave(variants, rounds=11, limit=60)
    for name in variants:
        target = Target(limit=120) if name == IMPORTED[0] else Target()
        found = harness.values(measured, "ms", name)
        harness.add_row(session.result, name, "ms", found, better="lower", target=target)


def _add_quality(session: Session) -> None:
    for name, files in session.samples.items():
        variants = {name: {"what": "quality", "files": files}}
        measured = session.interleave(variants, rounds=1, limit=600)
        for what, fact, limit in (
            ("functions that fit and are whole", "whole", 95),
            ("fill", "fill", 70),
        ):
            harness.add_row(
                session.result, f"{name}, {what}", "%", harness.values(measured, fact),
                better="higher", target=Target(limit=limit),
            )  # fmt: skip
        session.result.notes.append(f"{name}, files: {measured[0].facts.get('reasons')}")
        counts = measured[0].facts.get("by_language")
        session.result.notes.append(
            f"{name}, functions that fit, and percent of them whole: {counts}"
        )


_ADDERS: dict[str, Callable[[Session], None]] = {
    "speed": _add_speed,
    "job": _add_job,
    "linear": _add_linear,
    "incremental": _add_incremental,
    "importing": _add_importing,
    "quality": _add_quality,
}


def _peers(session: Session, python: str) -> list[str]:
    """Return the peers that are wanted and installed; the result says which."""
    if session.options.peers is not None:
        return []
    if not python:
        session.result.notes.append("peers: skipped; --peers-python names a Python with them")
        return []
    found = []
    for peer, distribution in code_peers.DISTRIBUTIONS.items():
        program = f"from importlib.metadata import version; print(version({distribution!r}))"
        done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
        if done.returncode:
            session.result.notes.append(f"{peer}: skipped, {python} does not have it")
        else:
            found.append(peer)
            session.result.settings[peer] = done.stdout.strip()
    return found


def _peers_python() -> str:
    return os.environ.get(PEERS_PYTHON) or (str(INSTALLED) if INSTALLED.exists() else "")


def main() -> None:
    """Run the case as a script."""
    parser = harness.parser(description=__doc__)
    parser.add_argument("--peers-python", metavar="PYTHON", help="a Python that has the peers")
    parser.add_argument("--tree", metavar="PATH", help="measure this folder, too")
    parser.add_argument("--cache", metavar="PATH", help="where corpora are kept")
    parser.add_argument("--only", help=f"of {','.join(_STEPS)}, separated by commas")
    parsed = parser.parse_args()
    if parsed.only and (unknown := set(parsed.only.split(",")) - set(_STEPS)):
        parser.error(f"unknown measurements {sorted(unknown)}; known: {', '.join(_STEPS)}")
    for name, typed in (
        (PEERS_PYTHON, parsed.peers_python and shutil.which(parsed.peers_python)),
        (TREE, parsed.tree and str(Path(parsed.tree).resolve())),
        (code_corpus.PLACE, parsed.cache and str(Path(parsed.cache).resolve())),
        (ONLY, parsed.only),
    ):
        if typed:
            os.environ[name] = typed
    options, before = harness.options_from(parsed), harness.machine()
    result = run(options)
    harness.finish(result, options, before)
    sys.exit(1 if result.broken else 0)


if __name__ == "__main__":
    main()
