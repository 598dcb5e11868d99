"""The files that ``treadle prompts init`` writes."""

from __future__ import annotations

from pathlib import Path

import treadle

EXPERIMENTS = """\
provider,model,topic,audience,gold
mock,small,the tides,a child of eight,the Moon
mock,small,why the sky is blue,a child of eight,scattering
mock,large,the tides,a first-year student,the Moon
mock,large,why the sky is blue,a first-year student,scattering
"""

_PROMPT = """\
Explain {{topic}} to {{audience}}, in three sentences.
Say first what causes it.
"""

_CONTEXT = """\
The tides follow the Moon: its gravity pulls on the near side of the Earth more than on its
middle, and on its middle more than on the far side. Blue light is scattered by the air more than
red light is, with the fourth power of the frequency (Lord Rayleigh, 1871).
"""

_SETTINGS = """\
# Settings of treadle prompts. What is typed goes over what stands here.

[prompts]
# concurrency = 8             # requests in flight in a lane that says nothing; default: found
# max-cost = 5.00             # US dollars

# A lane of your own: any server that speaks OpenAI's protocol (vLLM, llama.cpp, LiteLLM, ...).
# [prompts.lanes.mine]
# provider = "openai"
# url = "http://127.0.0.1:8080/v1"
# key-env = "MY_KEY"          # the variable that holds its key
# rpm = 500
# tpm = 200000

# What its tokens cost, in US dollars per million.
# [prompts.prices."my-model"]
# input = 0.5
# output = 1.5
"""

_KEYS = """\
# Copy this to .env and fill in what you have; .env belongs in .gitignore.
OPENAI_API_KEY=
OPENAI_BASE_URL=
ANTHROPIC_API_KEY=
OPENROUTER_API_KEY=
OLLAMA_BASE_URL=http://localhost:11434
"""

BESIDE = {
    "prompt.txt": _PROMPT,
    "context.txt": _CONTEXT,
    "treadle.toml": _SETTINGS,
    ".env.example": _KEYS,
}
"""By name, what stands beside the table."""


def write(table: Path) -> list[Path]:
    """
    Write the example: the table, and the rest beside it.

    Args:
        table: Where the table goes; folders above it are made.

    Returns:
        The files.

    Raises:
        UsageError: One of them exists, or cannot be written.
    """
    folder = table.parent
    files = {table: EXPERIMENTS}
    files |= {folder / name: text for name, text in BESIDE.items()}
    for path in files:
        if path.exists():
            raise treadle.UsageError(
                f"{str(path)!r} exists already", hint="--output FOLDER/experiments.csv elsewhere"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, "utf-8")
    except OSError as error:
        raise treadle.UsageError(
            f"{error.filename or folder}: {error.strerror}", hint="choose another folder"
        ) from error
    return list(files)
