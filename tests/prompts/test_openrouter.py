"""OpenRouter: what it costs, and how it fails."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))

from http_server import ask_once, asked, lane

from treadle.prompts import errors
from treadle.prompts.providers.base import HttpReply
from treadle.prompts.providers.openrouter import OpenRouter
from treadle.prompts.values import Model

OPENROUTER = OpenRouter()


def reply(**fields):
    choice = {"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    return {"id": "gen-1", "model": "acme/tiny", "choices": [choice]} | fields


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.00014}, "0.00014"),
        ({"cost": 0}, "0"),
        ({"cost": 1e-7}, "1E-7"),
        ({"cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, "0.3"),
        ({"cost": 0.1, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.1}}, "0.1"),
        ({"cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, "0.1"),
    ],
)
def test_the_cost_is_what_the_reply_says_to_the_last_digit(usage, cost):
    got, _ = ask_once(OPENROUTER, reply(usage={"prompt_tokens": 3} | usage))
    assert (got.cost, got.cost_source) == (Decimal(cost), "provider")
    assert got.usage.input == 3


@pytest.mark.parametrize("usage", [None, {}, {"cost": None}, {"cost": "cheap"}, {"cost": 1e999}])
def test_a_cost_that_is_not_said_is_unknown(usage):
    got, _ = ask_once(OPENROUTER, reply(usage=usage))
    assert (got.cost, got.cost_source) == (None, "")


def test_the_request_is_called_what_its_site_calls_it():
    got, _ = ask_once(OPENROUTER, web.json_response(reply(), headers={"x-request-id": "edge"}))
    assert got.request_id == "gen-1"


def test_the_application_is_named_in_the_headers_and_no_variable_in_the_body():
    options = {"title": "My study", "referer": "https://example.org"}
    _, [seen] = ask_once(OPENROUTER, reply(), options=options)
    assert seen.headers["x-title"] == "My study"
    assert seen.headers["http-referer"] == "https://example.org"
    assert seen.json.keys() == {"model", "messages"}


def test_it_is_not_asked_without_a_key():
    with pytest.raises(errors.Unauthorized, match="OPENROUTER_API_KEY is not set"):
        OPENROUTER.request(asked(), lane(key=""))
    assert OPENROUTER.request(asked(), lane()).url.startswith("https://openrouter.ai/api/v1/")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, 429, errors.RateLimited),
        (200, 502, errors.ServerError),
        (200, "402", errors.OutOfQuota),
        (402, 402, errors.OutOfQuota),
        (408, 408, errors.ServerError),
        (403, 403, errors.Unauthorized),
    ],
)
def test_an_error_is_known_by_its_code_whatever_the_status(status, code, kind):
    body = {"error": {"code": code, "message": "no"}, "user_id": "u"}
    with pytest.raises(kind) as caught:
        ask_once(OPENROUTER, web.json_response(body, status=status))
    assert (type(caught.value), caught.value.status) == (kind, status)


def test_an_answer_that_broke_off_is_an_error_and_not_a_short_answer():
    error = {"code": 502, "message": "Provider disconnected"}
    choice = {"message": {"content": "half"}, "finish_reason": "error", "error": error}
    with pytest.raises(errors.ServerError, match="Provider disconnected"):
        ask_once(OPENROUTER, reply(choices=[choice]))


def test_models_have_their_windows():
    entry = {
        "id": "acme/tiny",
        "context_length": 32768,
        "top_provider": {"max_completion_tokens": 4096},
    }
    found = OPENROUTER.models_from(HttpReply(200, {}, b"", {"data": [entry]}))
    assert found == [Model(id="acme/tiny", context_window=32768, max_output=4096)]
