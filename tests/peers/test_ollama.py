"""The fake Ollama of our own tests, put before clients that are not ours: it must be like the real.

No real Ollama is at hand here. What its official client and LiteLLM's provider understand is the
next best thing.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.peers

QUESTION = [{"role": "user", "content": "Row 1: why?"}]
THROUGH_LITELLM = """
import json, sys
import litellm

model, url = sys.argv[1:]
asked = {"model": f"ollama_chat/{model}", "api_base": url, "max_tokens": 8}
asked["messages"] = [{"role": "user", "content": "Row 1: why?"}]
whole = litellm.completion(**asked)
parts = [part.choices[0].delta.content or "" for part in litellm.completion(stream=True, **asked)]
usage = whole.usage
print(json.dumps({
    "whole": whole.choices[0].message.content,
    "finish": whole.choices[0].finish_reason,
    "tokens": [usage.prompt_tokens, usage.completion_tokens],
    "streamed": "".join(parts),
}))
"""


@pytest.fixture
def client(ollama):
    module = pytest.importorskip("ollama", reason="`make test-peers` installs it")
    made = module.Client(host=ollama.url)
    yield made
    made._client.close()


@pytest.fixture
def model(client):
    return client.list().models[0].model


def test_its_client_lists_and_shows_models(client, model):
    shown = client.show(model)
    windows = [value for name, value in shown.modelinfo.items() if name.endswith("context_length")]
    assert [type(window) for window in windows] == [int]
    assert shown.details.family


def test_its_client_gets_an_answer_at_once_and_in_parts(client, model):
    whole = client.chat(model, QUESTION)
    assert whole.done
    assert whole.done_reason == "stop"
    assert whole.message.content
    assert whole.prompt_eval_count > 0
    assert whole.eval_count > 0
    # In nanoseconds, and the parts are not more than all.
    assert whole.total_duration >= whole.prompt_eval_duration + whole.eval_duration > 0
    parts = list(client.chat(model, QUESTION, stream=True))
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    text = "".join(part.message.content or "" for part in parts)
    assert text.strip() == whole.message.content
    assert parts[-1].eval_count == whole.eval_count


def test_its_client_is_told_of_a_model_that_is_not_there(client, model):
    import ollama

    with pytest.raises(ollama.ResponseError, match="not found") as caught:
        client.chat("no-such-model", QUESTION)
    assert caught.value.status_code == 404


def test_its_client_sees_an_answer_that_is_cut_off(client, model):
    answer = client.chat(model, QUESTION, options={"num_predict": 1})
    assert answer.done_reason == "length"
    assert answer.eval_count == 1


def test_litellm_understands_it_and_so_do_we(ollama, client, model, between, experiment):
    """All three report the same answer and the same tokens."""
    proxy = between(ollama)
    command = [sys.executable, "-c", THROUGH_LITELLM, model, ollama.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])

    ours = experiment([{}] * 4, {"local": {"provider": "ollama", "url": proxy.url}}, model=model)

    assert ours.code == 0, ours.said
    assert len(proxy.by_row()) == 4
    row = ours.rows[0]
    assert row["_output"] == told["whole"] == told["streamed"].strip()
    assert [int(row["_in_tokens"]), int(row["_out_tokens"])] == told["tokens"]
    assert row["_finish"] == told["finish"] == "stop"
