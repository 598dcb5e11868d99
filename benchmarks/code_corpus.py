"""Real source trees to measure on, fetched once and kept outside of the repository.

``python``: the library of the Python that runs this, without what was installed on top.
``c``: Redis with what it carries along. ``many``: packages in two dozen languages.

Debian's source packages come through ``apt-get source`` with lists and a cache of their own: no
root, and nothing of the machine's own configuration is touched. JavaScript and its like come
through ``npm pack``. What cannot be had is left out, and the result says so.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PLACE = "TREADLE_BENCHMARK_CODE_CACHE"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCES = f"deb-src [signed-by={KEYRING}] http://deb.debian.org/debian bookworm main\n"
HEADERS = Path("/usr/include")
C = ("redis",)
MANY_DEBIAN = (
    "bash-completion",
    "elixir-lang",
    "fmtlib",
    "golang-github-hashicorp-hcl-v2",
    "golang-github-spf13-cobra",
    "haskell-aeson",
    "kotlinx-atomicfu",
    "kotlinx-coroutines",
    "libcommons-lang3-java",
    "luarocks",
    "newtonsoft-json",
    "php-monolog",
    "postgis",
    "puma",
    "redis",
    "ruby-nokogiri",
    "rust-clap",
    "rust-serde",
    "scala",
)
MANY_NPM = ("bootstrap@5.3.3", "date-fns@3.6.0", "rxjs@7.8.1")
PER_LANGUAGE = 150  # files, lest two thousand small ones of TypeScript drown the rest
LARGEST = 1_000_000  # bytes; what is larger has measurements of its own
SEED = 8


def cache() -> Path:
    """Return the folder that keeps what was fetched."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    place = Path(os.environ.get(PLACE) or Path(home, "treadle-benchmarks", "code"))
    place.mkdir(parents=True, exist_ok=True)
    return place


def choose(name: str, *, notes: list[str], limit: int | None) -> list[tuple[str, str]]:
    """
    Return paths and languages of a corpus, in order of path.

    Args:
        name: ``"python"``, ``"c"``, ``"many"``, or a folder.
        notes: Receives a line for each part that cannot be had.
        limit: So many files at most, drawn with a seed of its own.
    """
    if name == "python":
        found = _python()
    elif name == "c":
        found = _c(notes)
    elif name == "many":
        found = _few_of_each(_by_name(_many(notes)))
    else:
        found = list(_by_name([Path(name)]))
    found = sorted(pair for pair in found if _is_utf8(pair[0]))
    if limit is not None and len(found) > limit:
        found = sorted(random.Random(SEED).sample(found, limit))
    return found


def _python() -> list[tuple[str, str]]:
    library = Path(sysconfig.get_paths()["stdlib"])
    return [
        (str(path), "python")
        for path in library.rglob("*.py")
        if not {"site-packages", "dist-packages"} & set(path.parts)
    ]


def _c(notes: list[str]) -> list[tuple[str, str]]:
    folders = [folder for package in C if (folder := _debian(package, notes))]
    if not folders:
        notes.append(f"c: headers below {HEADERS} instead")
        folders = [HEADERS]
    return [
        (str(path), "c")
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".c", ".h"}
    ]


def _many(notes: list[str]) -> list[Path]:
    found = [_debian(package, notes) for package in MANY_DEBIAN]
    found += [_npm(package, notes) for package in MANY_NPM]
    return [folder for folder in found if folder]


def _by_name(folders: Iterable[Path]) -> Iterator[tuple[str, str]]:
    from treadle.code.languages import detecting

    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
                with path.open("rb") as file:
                    language = detecting.detect(path.name, file.read(4096))
                if language is not None:
                    yield str(path), language


def _few_of_each(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    by_language: dict[str, list[tuple[str, str]]] = {}
    for pair in sorted(pairs):
        by_language.setdefault(pair[1], []).append(pair)
    draw = random.Random(SEED)
    return [
        pair
        for pairs in by_language.values()
        for pair in draw.sample(pairs, min(len(pairs), PER_LANGUAGE))
    ]


def _is_utf8(path: str) -> bool:
    try:
        Path(path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return True


# --- fetching ------------------------------------------------------------------------------------


def _debian(package: str, notes: list[str]) -> Path | None:
    """Return the folder with the sources of a package, or None, which is noted."""

    def fetch(into: Path) -> None:
        _apt("source", "--download-only", "--tar-only", package, cwd=into)
        (archive,) = [
            path for path in into.iterdir() if ".orig.tar." in path.name and path.suffix != ".asc"
        ]
        _unpack(archive, into)

    return _once(package, fetch, notes)


def _apt(*arguments: str, cwd: Path) -> None:
    place = cache() / "apt"
    fresh = not place.exists()
    for folder in ("lists/partial", "cache/archives/partial"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    (place / "sources.list").write_text(SOURCES, encoding="utf-8")
    settings: dict[str, Any] = {
        "Dir::Etc::SourceList": place / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": place / "lists",
        "Dir::Cache": place / "cache",
        "APT::Sandbox::User": "",
    }
    command = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    if fresh:
        subprocess.run([*command, "update"], cwd=cwd, check=True, capture_output=True)
    subprocess.run([*command, *arguments], cwd=cwd, check=True, capture_output=True)


def _npm(package: str, notes: list[str]) -> Path | None:
    def fetch(into: Path) -> None:
        command = ["npm", "pack", "--silent", package]
        subprocess.run(command, cwd=into, check=True, capture_output=True)
        (archive,) = into.glob("*.tgz")
        _unpack(archive, into)

    return _once(package, fetch, notes)


def _once(package: str, fetch: Any, notes: list[str]) -> Path | None:
    """Call *fetch* with an empty folder, unless that was done before; a half one never stays."""
    there = cache() / package
    if there.exists():
        return there
    with tempfile.TemporaryDirectory(dir=cache(), prefix="half-") as half:
        try:
            fetch(Path(half))
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            said = getattr(error, "stderr", None) or str(error).encode()
            lines = said.decode(errors="replace").strip().splitlines() or [type(error).__name__]
            notes.append(f"{package}: left out, {lines[-1]}")
            return None
        shutil.copytree(half, there, symlinks=True)
    return there


def _unpack(archive: Path, into: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(into, filter="data")
    archive.unlink()
