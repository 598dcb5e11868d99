"""What a failed request means, told from the replies of many servers."""

from __future__ import annotations

import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.prompts import errors, faults
from treadle.prompts.providers.base import HttpReply


def failure(status, body="", headers=None, **fields):
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body))
    raw = raw if isinstance(raw, bytes) else raw.encode()
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    return faults.failure_of(
        HttpReply(status, headers or {}, raw, value, **fields), provider="there"
    )


def openai(message, **fields):
    return {"error": {"message": message, "type": None, "param": None, "code": None} | fields}


TOO_LONG = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."
TPM = (
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): "
    "Limit 30000, Requested 45000. The input or output tokens must be reduced."
)

CASES = {
    # OpenAI, by its documents
    "openai key": (
        401,
        openai("Incorrect API key provided", code="invalid_api_key"),
        "unauthorized",
    ),
    "openai country": (
        403,
        openai("Country not supported", code="unsupported_country"),
        "unauthorized",
    ),
    "openai pace": (429, openai("Rate limit reached", type="requests"), "rate_limited"),
    "openai quota": (429, openai("You exceeded", code="insufficient_quota"), "out_of_quota"),
    "openai billing": (429, openai("Not active", code="billing_not_active"), "out_of_quota"),
    "openai context": (400, openai("Too long", code="context_length_exceeded"), "context_overflow"),
    "openai larger than a minute": (
        429,
        openai(TPM, code="rate_limit_exceeded"),
        "context_overflow",
    ),
    "openai model": (
        404,
        openai("The model `x` does not exist", code="model_not_found"),
        "not_found",
    ),
    "openai model of others": (403, openai("No access", code="model_not_found"), "not_found"),
    "openai parameter": (400, openai("Unsupported value", code="unsupported_value"), "bad_request"),
    "openai policy": (400, openai("Flagged", code="content_policy_violation"), "filtered"),
    "openai slow down": (503, openai("Slow Down"), "overloaded"),
    "openai own fault": (
        500,
        openai("The server had an error", type="server_error"),
        "server_error",
    ),
    # Azure
    "azure filter": (
        400,
        openai(
            "Filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}
        ),
        "filtered",
    ),
    "azure deployment": (404, openai("No such", code="DeploymentNotFound"), "not_found"),
    "azure pace": (429, openai("Please retry after 26 seconds.", code="429"), "rate_limited"),
    # Anthropic
    "anthropic overloaded": (
        529,
        {"type": "error", "error": {"type": "overloaded_error"}},
        "overloaded",
    ),
    "anthropic money": (
        400,
        {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}},
        "out_of_quota",
    ),
    "anthropic key": (
        401,
        {"error": {"type": "authentication_error", "message": "x"}},
        "unauthorized",
    ),
    "anthropic context": (
        400,
        {
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 210000 tokens",
            }
        },
        "context_overflow",
    ),
    "anthropic size": (413, {"error": {"type": "request_too_large"}}, "context_overflow"),
    "anthropic model": (
        404,
        {"error": {"type": "not_found_error", "message": "model: x"}},
        "not_found",
    ),
    # OpenRouter
    "openrouter credits": (402, {"error": {"code": 402, "message": "Add credits"}}, "out_of_quota"),
    "openrouter model": (
        400,
        {"error": {"code": 400, "message": "x is not a valid model ID"}},
        "not_found",
    ),
    "openrouter moderation": (
        403,
        {
            "error": {
                "code": 403,
                "message": "x",
                "metadata": {"reasons": [], "raw": "input was flagged"},
            }
        },
        "filtered",
    ),
    "openrouter in a success": (
        200,
        {"error": {"code": 429, "message": "upstream"}},
        "rate_limited",
    ),
    "openrouter in a choice": (
        200,
        {"choices": [{"error": {"code": 502, "message": "upstream"}}]},
        "server_error",
    ),
    # LiteLLM: seen, see D1
    "litellm pre-call": (
        429,
        openai(
            "No deployments available for selected model", type="internal_server_error", code="429"
        ),
        "rate_limited",
    ),
    "litellm model": (429, openai("limit", type="throttling_error", code="429"), "rate_limited"),
    "litellm cooldown": (
        429,
        openai("x", type="all_deployments_in_cooldown", code="429"),
        "rate_limited",
    ),
    "litellm key": (401, openai("no", type="auth_error", param="None", code="401"), "unauthorized"),
    "litellm no database": (
        400,
        openai("No connected db.", type="no_db_connection"),
        "unauthorized",
    ),
    "litellm unknown model": (
        400,
        openai("Invalid model name passed in model=x", code="400"),
        "not_found",
    ),
    "litellm context": (
        400,
        openai("litellm.ContextWindowExceededError: mock", code="400"),
        "context_overflow",
    ),
    "litellm budget": (
        400,
        openai("Budget has been exceeded!", type="budget_exceeded"),
        "out_of_quota",
    ),
    # llama.cpp, vLLM, Google, Ollama
    "llama.cpp context": (
        400,
        {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error", "n_ctx": 512}},
        "context_overflow",
    ),
    "llama.cpp key": (401, {"error": {"code": 401, "message": "Invalid API Key"}}, "unauthorized"),
    "llama.cpp loads": (503, {"error": {"code": 503, "message": "Loading model"}}, "overloaded"),
    "vllm context": (
        400,
        {"object": "error", "message": TOO_LONG, "code": 400},
        "context_overflow",
    ),
    "google": (429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}], "rate_limited"),
    "google key": (
        400,
        [{"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}]}}],
        "unauthorized",
    ),
    "ollama busy": (503, {"error": "server busy, please try again"}, "overloaded"),
    "ollama model": (404, {"error": "model 'x' not found"}, "not_found"),
    # proxies and frameworks
    "fastapi fields": (
        422,
        {"detail": [{"loc": ["body", "n"], "msg": "too small"}]},
        "bad_request",
    ),
    "fastapi text": (401, {"detail": "Not authenticated"}, "unauthorized"),
    "at once": (429, {"error": "Too many concurrent requests"}, "too_many_at_once"),
    "page": (503, "<html><head><title>503 Service Unavailable</title>", "overloaded"),
    "wrong path": (404, "<html><body>Not Found</body>", "not_found"),
    "wrong method": (405, "", "not_found"),
    "nothing said": (400, "", "bad_request"),
    "not implemented": (501, "", "bad_request"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_refusal_is_known(name):
    status, body, kind = CASES[name]
    assert failure(status, body).kind == kind


# What servers say of a row, with the words of the row in it.
OWN_WORDS = [
    (400, "cannot parse: 'insufficient funds'", "bad_request"),
    (400, "invalid content: our budget has been exceeded", "bad_request"),
    (400, 'unexpected "your credit balance is too low" in messages[0]', "bad_request"),
    (400, "why is the model of Bohr not found in textbooks?", "bad_request"),
    (422, "not valid: `the model x does not exist`", "bad_request"),
    (400, "cannot read 'this prompt is too long'", "bad_request"),
    (400, "cannot read 'the content policy'", "bad_request"),
    (500, "tool parse error near: your budget has been exceeded", "server_error"),
    (503, "busy; last: insufficient credits", "overloaded"),
]


@pytest.mark.parametrize(("status", "text", "kind"), OWN_WORDS)
def test_the_words_of_a_row_do_not_pass_for_the_servers(status, text, kind):
    error = failure(status, openai(text, type="invalid_request_error" if status < 500 else None))
    assert error.kind == kind
    assert not error.closes_lane


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "Insufficient credits on this key"),
        (429, "Insufficient balance"),
        (402, "no"),
        (400, "Your credit balance is too low to access the Anthropic API."),
        (400, 'AnthropicException - {"message": "Your credit balance is too low to access the'),
    ],
)
def test_nothing_left_to_spend_is_known_by_its_words_too(status, text):
    assert failure(status, openai(text)).kind == "out_of_quota"


def test_the_reply_that_a_proxy_hands_on_is_read_though_it_stands_in_quotes():
    handed_on = f'upstream said: {{"message": "{TOO_LONG}", "code": 400}}'
    assert failure(400, openai(handed_on)).kind == "context_overflow"


@given(st.text(alphabet="'\"` ab", max_size=200))
def test_quotes_in_any_order_do_no_harm(text):
    assert failure(400, openai(text)).kind == "bad_request"


@pytest.mark.parametrize(
    ("status", "body", "missing"),
    [
        (404, openai("The model `x` does not exist", code="model_not_found"), "model"),
        (403, openai("No access", code="model_not_found"), "model"),
        (404, openai("No such", code="DeploymentNotFound"), "model"),
        (404, {"error": "model 'x' not found"}, ""),
        (404, openai("No endpoints found that support tool use"), ""),
        (404, openai("No such File object: file-1"), ""),
        (400, openai("Invalid model name passed in model=x"), ""),
        (404, "<html><body>Not Found</body>", "address"),
        (404, "404 page not found", "address"),
        (404, {"detail": "Not Found"}, "address"),
        (404, {"error": {"code": 404, "message": "File Not Found"}}, "address"),
        (404, openai("Invalid URL (POST /v1/v1/chat/completions)"), "address"),
        (404, {"error": {"code": "404", "message": "Resource not found"}}, "address"),
        (405, {"detail": "Method Not Allowed"}, "address"),
    ],
)
def test_what_is_not_there_is_said_where_there_is_no_doubt(status, body, missing):
    error = failure(status, body)
    assert (error.kind, error.missing) == ("not_found", missing)
    assert pickle.loads(pickle.dumps(error)).missing == missing


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 504, 520, 521, 522, 523, 524])
def test_what_passes_by_itself_may_be_tried_again(status):
    assert failure(status).kind == "server_error"
    assert failure(status).again


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_what_stays_wrong_is_not_tried_again(status):
    assert not failure(status).again


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("requests", "rate_limited"),
        ("tokens", "rate_limited"),
        ("max_parallel_requests", "too_many_at_once"),
    ],
)
def test_the_limit_that_a_header_names_counts(named, kind):
    headers = {
        "retry-after": "60",
        "rate_limit_type": named,
        "reset_at": "2026-11-20 22:46:30 UTC",
        "x-litellm-call-id": "c1",
    }
    error = failure(429, openai("Rate limit exceeded", code="429"), headers)
    assert error.kind == kind
    assert error.request_id == "c1"


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ("", {"retry-after": "7"}, 7.0),
        ("", {"retry-after-ms": "250"}, 0.25),
        ("", {"llm_provider-retry-after": "60"}, 60.0),
        (openai("Please try again in 8.71s."), {}, 8.71),
        ("", {}, None),
    ],
)
def test_the_wait_that_is_asked_for_is_handed_on(body, headers, seconds):
    assert failure(429, body, headers).retry_after == seconds


def test_the_message_is_the_status_and_the_servers_own_words():
    error = failure(429, openai("Too\n\tfast\x00,  friend", code="rate_limit_exceeded"))
    assert error.message == "HTTP 429: Too fast , friend"


def test_the_words_of_the_one_behind_openrouter_are_shown():
    body = openai("Provider returned error", code=502)
    body["error"]["metadata"] = {"provider_name": "Acme", "raw": "GPU on fire"}
    assert failure(502, body).message == ("HTTP 502: Provider returned error (Acme: GPU on fire)")


def test_the_fields_that_are_wrong_are_named():
    error = failure(422, {"detail": [{"loc": ["body", "temperature"], "msg": "not a number"}]})
    assert error.message == "HTTP 422: body.temperature: not a number"


def test_a_page_is_shown_by_its_title():
    page = "<!DOCTYPE html><html><head><title>502 Bad &amp; Gateway</title></head><body>long"
    assert failure(502, page).message == "HTTP 502: 502 Bad & Gateway"


def test_a_long_text_is_cut_and_an_empty_one_said_so():
    assert len(failure(500, "x" * 10_000).message) == len("HTTP 500: ") + faults.SHOWN
    assert failure(500).message == "HTTP 500: without a word"


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdef123456.",
        "Incorrect API key provided: sk-abcd********wxyz.",
        "bad header Authorization: Bearer abcdefghijklmnop",
        "key AIzaSyA1234567890abcdef is not valid",
        "the key my-own-secret is unknown",
    ],
)
def test_no_key_is_shown(text):
    message = failure(401, openai(text), secrets=("my-own-secret",)).message
    assert "***" in message
    for part in ("abcdef", "wxyz", "A1234567890", "my-own-secret"):
        assert part not in message


def test_innocent_words_are_left_alone():
    text = "the task-oriented risk-averse ask- and sk- prefixes, bearer of news"
    assert faults.redacted(text) == text


def test_the_longest_secret_is_taken_out_first():
    secrets = ("my-key", "my-key-1234", "x")
    assert faults.redacted("of my-key-1234 and my-key: x", secrets) == "of *** and ***: x"


@pytest.mark.parametrize(
    ("url", "headers", "found"),
    [
        ("https://host/v1?key=abc%2Fdef&api-version=2024-10-21", {}, {"abc%2Fdef", "abc/def"}),
        ("https://me:p4ssword@host/v1", {}, {"p4ssword"}),
        (
            "https://host/v1",
            {"Authorization": "Bearer abcdef", "Accept": "text/html", "X-Title": "My study"},
            {"Bearer abcdef", "abcdef"},
        ),
        ("http://[::bad", {"api-key": "abcdef"}, {"abcdef"}),
        ("", {}, set()),
    ],
)
def test_the_secrets_of_a_request_are_its_key_wherever_it_stands(url, headers, found):
    assert set(faults.secrets_in(url, headers)) == found


def test_a_failure_is_redacted_with_all_that_a_record_keeps_of_it():
    error = errors.BadReply("got my-key-1", hint="is my-key-1 right?", request_id="my-key-1")
    error.__cause__ = ValueError("of my-key-1")
    faults.redact(error, ["my-key-1"])
    text = "".join(traceback.format_exception(error)) + str(error.hint) + error.request_id
    assert "my-key-1" not in text
    assert error.message == "got ***"


def test_a_cause_that_tells_nothing_stays():
    error = errors.BadReply("cut off")
    error.__cause__ = cause = ValueError("at char 7")
    cause.__cause__ = OSError("around")
    cause.__cause__.__cause__ = cause  # some libraries tie such knots
    faults.redact(error, ["my-key-1"])
    assert error.__cause__ is cause


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "key"), (402, "balance"), (404, "url of there"), (301, "url of there")],
)
def test_there_is_a_hint_where_something_can_be_done(status, words):
    assert words in failure(status).hint


def test_a_model_that_is_not_there_leads_to_the_list():
    error = failure(404, openai("The model `x` does not exist", code="model_not_found"))
    assert "treadle prompts models there" in error.hint


def test_a_failure_survives_the_record():
    error = failure(429, openai("slow"), {"retry-after": "3", "x-request-id": "r"})
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (errors.RateLimited, str(error))
    assert (back.status, back.retry_after, back.request_id) == (429, 3.0, "r")


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    [
        ({"x-request-id": "a", "request-id": "b"}, {}, "a"),
        ({"request-id": "b"}, {"id": "c"}, "b"),
        ({}, {"id": "c"}, "c"),
        ({}, {"id": 7}, ""),
        ({}, [], ""),
    ],
)
def test_the_request_has_the_name_that_the_provider_gives_it(headers, body, name):
    assert faults.request_id(HttpReply(200, headers, b"", body)) == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "detail", "code", "type", "metadata", "choices", "details"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from([200, 302, 400, 401, 403, 404, 413, 429, 500, 503]), JSON)
def test_whatever_is_said_becomes_one_failure(status, value):
    error = failure(status, value)
    assert isinstance(error, errors.RequestFailed)
    assert error.message.startswith(f"HTTP {status}")
    assert error.message.isprintable()


@given(st.sampled_from([400, 429, 500]), st.binary(max_size=100))
def test_whatever_bytes_come_become_one_failure(status, body):
    assert failure(status, body).message.isprintable()


def test_a_reply_that_claims_success_and_holds_nothing_is_named():
    error = faults.no_json(HttpReply(200, {}, b" "), provider="there")
    assert (error.kind, error.message) == ("bad_reply", "HTTP 200: the reply is empty")
