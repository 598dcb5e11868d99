"""The servers do what the other tests build on, asked without any code of ours."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from decimal import Decimal

import pytest

pytestmark = pytest.mark.peers

QUESTION = {"messages": [{"role": "user", "content": "Row 1: why?"}], "max_tokens": 8}


def post(url, body, **headers):
    """Return status, headers and text of an answer; status 0 when the connection broke."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"} | sent
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.status, answer.headers, answer.read().decode()
    except http.client.RemoteDisconnected:
        return 0, {}, ""


def chat(server, key, model="tiny"):
    body = {"model": model, **QUESTION}
    return post(f"{server.url}/v1/chat/completions", body, authorization=f"Bearer {key}")


def test_llama_speaks_three_protocols(llama):
    _, _, chatted = chat(llama, llama.key)
    assert json.loads(chatted)["object"] == "chat.completion"
    body = {"model": "tiny", **QUESTION}
    _, _, message = post(f"{llama.url}/v1/messages", body, x_api_key=llama.key)
    assert json.loads(message)["type"] == "message"
    body = {"model": "tiny", "input": "Row 1: why?", "max_output_tokens": 8}
    bearer = f"Bearer {llama.key}"
    _, _, response = post(f"{llama.url}/v1/responses", body, authorization=bearer)
    assert json.loads(response)["object"] == "response"


def test_every_fault_breaks_what_it_should_and_is_written_down(llama, between):
    proxy = between(llama, faults="429,503,kill,delay,cut,pass", retry_after=7)
    found = [chat(proxy, llama.key) for _ in range(6)]
    assert [status for status, _, _ in found] == [429, 503, 0, 200, 200, 200]
    assert found[0][1]["retry-after"] == "7"
    assert found[1][2].startswith("<html>")
    assert len(found[4][2]) == 40
    exchanges = proxy.exchanges()
    assert [each.fault for each in exchanges] == ["429", "503", "kill", "delay", "cut", "pass"]
    assert [each.good for each in exchanges] == [False, False, False, True, False, True]
    assert exchanges[3].ended - exchanges[3].began >= 1.0
    assert exchanges[5].reply == json.loads(found[5][2])


def test_the_keys_of_litellm_have_the_limit_that_they_name(litellm):
    found = [chat(litellm, "sk-rpm-3-servers", "mock") for _ in range(4)]
    assert [status for status, _, _ in found] == [200, 200, 200, 429]
    headers = found[3][1]
    assert (headers["retry-after"], headers["rate_limit_type"]) == ("4", "requests")
    assert found[0][1]["x-ratelimit-api_key-limit-requests"] == "3"
    found = [chat(litellm, "sk-tpm-40-servers", "mock") for _ in range(4)]
    assert found[-1][0] == 429
    assert found[-1][1]["rate_limit_type"] == "tokens"
    assert chat(litellm, "sk-nobody", "mock")[0] == 401


def test_litellm_computes_what_a_real_model_cost(litellm):
    _, headers, text = chat(litellm, "sk-free-0-servers")
    usage = json.loads(text)["usage"]
    wanted = Decimal(3 * usage["prompt_tokens"] + 15 * usage["completion_tokens"]) / 1_000_000
    assert Decimal(headers["x-litellm-response-cost"]).quantize(Decimal("1e-12")) == wanted
