"""Real servers to put the product beside, each a process of its own on 127.0.0.1.

- ``llama``: llama.cpp with a tiny random model, over three protocols;
- ``litellm``: a LiteLLM proxy with keys that have limits; it also stands before ``llama``;
- ``between``: mitmproxy before any of them, which breaks what a test wants broken and writes down
  each request and each answer: what really happened, told by neither of the two;
- ``ollama``: the fake Ollama of ``tests/prompts``, for clients that are not ours.

Nothing is imported from them here, for every test run collects this folder. ``make test-peers``
installs them; a test whose server is not installed is skipped.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
LLAMA_KEY = "sk-llama"
MODEL = "tiny"  # of llama.cpp, and through LiteLLM with the prices below
WINDOW = 4  # seconds, instead of the proxy's 60: its limits are per window
INPUT_PRICE, OUTPUT_PRICE = 3e-06, 1.5e-05  # US dollars for a token
PATIENCE = 60.0  # seconds for a server to start
ROW = re.compile(r"Row (\d+):")  # as each prompt begins


# --- processes -----------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(
    command: Sequence[str], *, ready: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server until the end of the block, which begins when *ready* answers anything."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_it_answers(process, ready, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return as soon as any HTTP answer comes from *url*; fail with what the server said."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{log.stem} did not start:\n{log.read_text(errors='replace')[-4000:]}")


def need(library: str) -> None:
    """Skip the test when *library* is not installed."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed; `make test-peers` installs it")


# --- servers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """Where a server listens (without ``/v1``), and a key that it takes."""

    url: str
    key: str = ""


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need("xllamacpp")
    need("gguf")
    folder, port = tmp_path_factory.mktemp("llama"), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(HERE / "llama_server.py"), str(port), LLAMA_KEY, str(folder)]
    with running(command, ready=f"{url}/health", log=folder / "llama.log"):
        yield Server(url, LLAMA_KEY)


@pytest.fixture(scope="session")
def litellm(tmp_path_factory: pytest.TempPathFactory, llama: Server) -> Iterator[Server]:
    """
    Models: ``mock`` (always the same answer), ``slow`` (after half a second), and ``tiny`` (llama).

    Its keys are those of ``litellm_auth.py``.
    """
    need("litellm")
    folder, port = tmp_path_factory.mktemp("litellm"), free_port()
    url = f"http://127.0.0.1:{port}"
    shutil.copy(HERE / "litellm_auth.py", folder / "auth.py")
    (folder / "config.yaml").write_text(json.dumps(litellm_settings(llama)), encoding="utf-8")
    start = "from litellm import run_server; run_server()"
    options = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # not from the net
        "LITELLM_RATE_LIMIT_WINDOW_SIZE": str(WINDOW),
    }
    with running(
        [sys.executable, "-c", start, *options, "--telemetry", "False"],
        ready=f"{url}/health/liveliness",
        log=folder / "litellm.log",
        environment=environment,
    ):
        yield Server(url)


def litellm_settings(llama: Server) -> dict[str, Any]:
    """Return the proxy's configuration; JSON is YAML."""
    answer = {"model": "openai/gpt-4o-mini", "api_key": "x", "mock_response": "An answer."}
    tiny = {
        "model": f"openai/{MODEL}",
        "api_base": f"{llama.url}/v1",
        "api_key": llama.key,
        "input_cost_per_token": INPUT_PRICE,
        "output_cost_per_token": OUTPUT_PRICE,
    }
    models = {"mock": answer, "slow": {**answer, "mock_delay": 0.5}, MODEL: tiny}
    return {
        "model_list": [
            {"model_name": name, "litellm_params": params} for name, params in models.items()
        ],
        "general_settings": {
            "master_key": "sk-master",  # it does not start without one
            "custom_auth": "auth.user_api_key_auth",
        },
    }


@pytest.fixture
def ollama(tmp_path: Path) -> Iterator[Server]:
    """Start the fake Ollama, in a process of its own as the others."""
    fake = HERE.parent / "prompts" / "fake_ollama.py"
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, str(fake), str(port)]
    with running(command, ready=f"{url}/api/tags", log=tmp_path / "ollama.log"):
        yield Server(url)


# --- what stands between ------------------------------------------------------------------------


@dataclass(frozen=True)
class Exchange:
    """
    One request and its answer, as they passed; times are seconds since the epoch.

    Attributes:
        fault: What was done to it; ``"pass"`` for nothing.
        began, ended: When the request had come, and when its answer was sent or it was killed.
        asked: The request's body.
        status: Of the answer; 0 for a connection that was killed.
        headers: Of the answer, names in lower case.
        answered: The body as the server sent it, before it was cut.
    """

    fault: str
    method: str
    path: str
    began: float
    ended: float
    asked: str
    status: int
    headers: dict[str, str]
    answered: str

    @property
    def row(self) -> int:
        """The number that the prompt holds as ``Row 17:``."""
        found = ROW.search(self.asked)
        assert found, self.asked
        return int(found[1])

    @property
    def good(self) -> bool:
        """Whether the product got a whole answer."""
        return self.status == 200 and self.fault != "cut"

    @property
    def reply(self) -> Any:
        """The answer's JSON."""
        return json.loads(self.answered)


@dataclass(frozen=True)
class Between:
    """A proxy before another server."""

    url: str
    log: Path

    def exchanges(self) -> list[Exchange]:
        """Return the prompts that were sent, in the order in which they came."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        found = [Exchange(**json.loads(line)) for line in lines]
        asked = [exchange for exchange in found if ROW.search(exchange.asked)]
        return sorted(asked, key=lambda exchange: exchange.began)

    def by_row(self) -> dict[int, list[Exchange]]:
        """Return the same by the number in the prompt."""
        found: dict[int, list[Exchange]] = {}
        for exchange in self.exchanges():
            found.setdefault(exchange.row, []).append(exchange)
        return found


@pytest.fixture
def between(tmp_path: Path) -> Iterator[Callable[..., Between]]:
    """
    Put a proxy before a server: ``between(llama, faults="429,pass", retry_after=2)``.

    Faults are taken in turn: ``pass``, ``429`` (with Retry-After), ``503`` (with HTML), ``kill``
    (the connection), ``delay`` (a second) and ``cut`` (JSON of 40 bytes).
    """
    mitmdump = shutil.which("mitmdump")
    if mitmdump is None:
        pytest.skip("mitmdump is not on the PATH; `make test-peers` installs it")

    with ExitStack() as proxies:

        def put(server: Server, *, faults: str = "pass", retry_after: float = 1) -> Between:
            port = free_port()
            url, log = f"http://127.0.0.1:{port}", tmp_path / f"exchanges-{port}.jsonl"
            where = ["--listen-host", "127.0.0.1", "--listen-port", str(port)]
            where += ["--mode", f"reverse:{server.url}", "--set", f"confdir={tmp_path / 'mitm'}"]
            environment = {
                "TREADLE_FAULTS": faults,
                "TREADLE_RETRY_AFTER": str(retry_after),
                "TREADLE_EXCHANGES": str(log),
                "PYTHONPATH": "",  # its Python is another one
            }
            proxies.enter_context(
                running(
                    [mitmdump, *where, "--quiet", "--scripts", str(HERE / "faults.py")],
                    ready=f"{url}/health",
                    log=tmp_path / f"between-{port}.log",
                    environment=environment,
                )
            )
            return Between(url, log)

        yield put


# --- the product ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Experiment:
    """
    What a run of the command came to.

    Attributes:
        code: Exit code.
        said: What it wrote to stdout and stderr.
        path: The results.
        rows: Their rows, in the order of the file.
    """

    code: int
    said: str
    path: Path
    rows: list[dict[str, str]]


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., Experiment]:
    """
    Run the command: ``experiment(rows, lanes, "--concurrency", "4")``.

    Rows are numbered from 1 in a column ``number``, and the prompt is ``Row {{number}}:
    {{question}}``; lanes are sections of ``treadle.toml`` by name, with keys by the name of their
    environment variable in ``keys``.
    """

    def run(
        rows: Sequence[Mapping[str, Any]],
        lanes: Mapping[str, Mapping[str, Any]],
        *options: str,
        keys: Mapping[str, str] | None = None,
        prices: Mapping[str, Mapping[str, Any]] | None = None,
        lane: str = "local",
        model: str = MODEL,
    ) -> Experiment:
        numbered = [
            {"provider": lane, "model": model, "number": number, "question": "why?", **row}
            for number, row in enumerate(rows, start=1)
        ]
        write_table(tmp_path / "rows.csv", numbered)
        (tmp_path / "prompt.txt").write_text("Row {{number}}: {{question}}", encoding="utf-8")
        sections = {f"prompts.lanes.{name}": values for name, values in lanes.items()}
        sections |= {f'prompts.prices."{name}"': each for name, each in (prices or {}).items()}
        (tmp_path / "treadle.toml").write_text(toml(sections), encoding="utf-8")
        command = [sys.executable, "-m", "treadle", "prompts", "run", "-p", "prompt.txt"]
        command += ["-e", "rows.csv", "-o", "out.csv", "--progress", "none", *options]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **(keys or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
        said, path = done.stdout + done.stderr, tmp_path / "out.csv"
        assert path.exists(), f"exit code {done.returncode}, and no results:\n{said}"
        return Experiment(done.returncode, said, path, read_table(path))

    return run


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Return flat sections as TOML; a JSON string, number or boolean is one of TOML, too."""
    lines = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
