"""treadle.toml, .env and the environment: what they set, and what is said about the rest."""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from pathlib import Path

import pytest

import treadle
from treadle.prompts.faults import secrets_in
from treadle.prompts.prices import Prices
from treadle.prompts.providers.openai_chat import OpenAIChat
from treadle.prompts.settings import Settings

KNOWN: dict[str, type] = {
    "repeats": int,
    "max_cost": Decimal,
    "timeout": float,
    "flatten": bool,
    "missing": str,
    "system": Path,
    "model": list[str],
    "context": list[Path],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str, here: Path, **environment: str) -> Settings:
    (here / "treadle.toml").write_text(text, "utf-8")
    return Settings.load(environment=environment)


def error(make) -> str:
    with pytest.raises(treadle.UsageError) as caught:
        make()
    return str(caught.value)


# ── the file, and options in it ──────────────────────────────────────────────────────────────────


def test_without_a_file_nothing_is_set(here):
    settings = Settings.load(environment={})
    assert settings.options("run", KNOWN) == {}
    assert settings.prices() == {}
    assert settings.path is None
    assert "openai" in settings.lanes()


def test_options_are_read_with_their_types_and_the_section_of_the_command_goes_over(here):
    settings = loaded(
        '[other]\nx = 1\n[prompts]\nrepeats = 2\nmax-cost = 0.10\ntimeout = 5\nmodel = "a/b"\n'
        'system = "sys.txt"\n[prompts.run]\nrepeats = 3\nflatten = true\ncontext = ["/abs", "c"]\n',
        here,
    )
    assert settings.options("plan", KNOWN) == {
        "repeats": 2,
        "max_cost": Decimal("0.10"),
        "timeout": 5.0,
        "model": ["a/b"],
        "system": Path("sys.txt"),
    }
    run = settings.options("run", KNOWN)
    assert (run["repeats"], run["flatten"]) == (3, True)
    assert run["context"] == [Path("/abs"), Path("c")]
    assert type(run["timeout"]) is float


def test_paths_are_from_the_folder_of_the_file(here):
    (here / "conf").mkdir()
    (here / "conf" / "my.toml").write_text('[prompts]\nsystem = "sys.txt"\n')
    settings = Settings.load("conf/my.toml", {})
    assert settings.options("run", KNOWN) == {"system": Path("conf/sys.txt")}


def test_an_option_of_another_command_may_stand_in_the_common_section_only(here):
    settings = loaded("[prompts]\nopen = true\n", here)
    assert settings.options("run", KNOWN, of_others=["open"]) == {}
    settings = loaded("[prompts.run]\nopen = true\n", here)
    assert "unknown setting 'open'" in error(
        lambda: settings.options("run", KNOWN, of_others=["open"])
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[prompts]\nrepeat = 2\n",
            "unknown setting 'repeat' in [prompts]|did you mean 'repeats'?",
        ),
        ("[prompts]\nmax-kost = 2\n", "'max-kost'|did you mean 'max-cost'?"),
        ("[prompts]\nrepeats = true\n", "repeats is True|a whole number"),
        ("[prompts]\ntimeout = 'x'\n", "timeout is 'x'|a number"),
        ("[prompts]\nrepeats = 1.5\n", "repeats is 1.5|a whole number"),
        ("[prompts]\nmax-cost = 1\nmax_cost = 2\n", "sets 'max_cost' twice"),
        ("[prompts.runn]\n", "unknown section 'runn'|did you mean 'run'?"),
        ("[prompts.lane.x]\n", "unknown section 'lane'|did you mean 'lanes'?"),
    ],
)
def test_what_cannot_be_set_is_named_with_what_was_meant(here, text, said):
    settings = loaded(text, here)
    message = error(lambda: settings.options("run", KNOWN))
    assert all(part in message for part in said.split("|")), message
    assert "treadle.toml" in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[prompts\n", "is not TOML"),
        (b"\xff", "not UTF-8"),
        (b"prompts = 1\n", "prompts is 1"),
        (b'[prompts]\nprices = "genai-prices"\n', 'price-list = "genai-prices"'),
        (b"[prompts]\nprice-list = 3\n", "price-list is 3"),
    ],
)
def test_a_file_that_is_no_settings_is_said(here, content, said):
    (here / "treadle.toml").write_bytes(content)
    assert said in error(lambda: Settings.load(environment={}))


def test_a_file_that_was_named_must_be_there(here):
    assert "No such file" in error(lambda: Settings.load("none.toml", {}))


# ── lanes ────────────────────────────────────────────────────────────────────────────────────────


def test_each_provider_has_a_lane_of_its_name(here):
    lanes = Settings.load(environment={"OPENAI_API_KEY": " sk-1\n"}).lanes()
    assert {"openai", "openrouter", "anthropic", "ollama", "mock"} <= lanes.keys()
    assert lanes["openai"].url == "https://api.openai.com/v1"
    assert lanes["openai"].key is not None
    assert lanes["openai"].key.reveal() == "sk-1"
    assert lanes["anthropic"].key is None
    assert lanes["anthropic"].key_env == "ANTHROPIC_API_KEY"
    assert lanes["ollama"].local
    assert not lanes["openai"].local


def test_a_lane_of_the_file_is_what_its_section_says(here):
    lane = loaded(
        """
        [prompts.lanes.fast]
        provider = "openai"
        url = "http://gpu-1:8000/v1/"
        key-env = "FAST_KEY"
        headers = { X-Team = "$TEAM", Authorization = "Token ${FAST_KEY}" }
        concurrency = 8
        rpm = 600
        tpm = 1.5e6
        timeout = 10
        shared = true
        local = true
        stream = true
        top = { p = 0.5 }
        """,
        here,
        FAST_KEY="k-1",
        TEAM="blue",
    ).lanes()["fast"]
    assert lane.provider == "openai"
    assert lane.url == "http://gpu-1:8000/v1"
    assert lane.key is not None
    assert lane.key.reveal() == "k-1"
    assert lane.headers == {"X-Team": "blue", "Authorization": "Token k-1"}
    assert (lane.concurrency, lane.rpm, lane.tpm, lane.timeout) == (8, 600.0, 1.5e6, 10.0)
    assert lane.shared
    assert lane.local
    assert lane.options == {"stream": True, "top": {"p": 0.5}}
    assert type(lane.options["top"]["p"]) is float


def test_what_is_typed_goes_over_the_file_and_what_is_typed_for_one_lane_over_all(here):
    settings = loaded("[prompts.lanes.openai]\nconcurrency = 3\ntimeout = 7\n", here)
    lanes = settings.lanes({"*": {"concurrency": 5}, "ollama": {"concurrency": 2}})
    assert (lanes["openai"].concurrency, lanes["openai"].timeout) == (5, 7.0)
    assert lanes["ollama"].concurrency == 2
    assert settings.lanes()["openai"].concurrency == 3
    message = error(lambda: settings.lanes({"olama": {"concurrency": 1}}))
    assert "no lane is called 'olama'" in message
    assert "did you mean 'ollama'?" in message
    assert "concurrency is 0" in error(lambda: settings.lanes({"*": {"concurrency": 0}}))


def test_the_address_may_stand_in_the_environment_and_the_file_goes_over_it(here):
    environment = {"OPENAI_BASE_URL": "http://localhost:9/v1/", "OLLAMA_HOST": "0.0.0.0"}
    lanes = Settings.load(environment=environment).lanes()
    assert lanes["openai"].url == "http://localhost:9/v1"
    assert lanes["ollama"].url == "http://127.0.0.1:11434"
    lanes = loaded('[prompts.lanes.openai]\nurl = "https://x.org"\n', here, **environment).lanes()
    assert lanes["openai"].url == "https://x.org"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("gpu", "http://gpu:11434"),
        ("gpu:1", "http://gpu:1"),
        (":1", "http://127.0.0.1:1"),
        ("https://gpu/ollama/", "https://gpu/ollama"),
    ],
)
def test_the_variable_of_ollama_may_be_less_than_a_url(here, host, url):
    assert Settings.load(environment={"OLLAMA_HOST": host}).lanes()["ollama"].url == url


def test_a_key_goes_to_the_servers_of_its_provider_and_to_others_only_when_that_is_said(here):
    text = """
        [prompts.lanes.other]
        provider = "openai"
        url = "https://example.org/v1"
        [prompts.lanes.europe]
        provider = "openai"
        url = "https://eu.api.openai.com/v1"
        [prompts.lanes.said]
        provider = "openai"
        url = "https://example.org/v1"
        key-env = "OPENAI_API_KEY"
        """
    lanes = loaded(text, here, OPENAI_API_KEY="sk-1").lanes()
    assert lanes["other"].key is None
    assert lanes["other"].key_env == ""
    assert lanes["europe"].key is not None
    assert lanes["said"].key is not None


def test_a_header_whose_variable_is_not_set_is_left_out_and_named(here):
    settings = loaded(
        '[prompts.lanes.a]\nprovider = "mock"\nheaders = { A = "$NOPE-$TEAM", B = "b" }\n',
        here,
        TEAM="x",
    )
    assert settings.lanes()["a"].headers == {"B": "b"}
    assert settings.unset("a") == ("NOPE",)
    assert settings.unset("openai") == ()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("", "does not say which provider"),
        ('provider = "opena"', "no provider is called 'opena'|did you mean"),
        ('provider = "mock"\nconcurency = 3', "unknown setting 'concurency'|mean concurrency?"),
        ('provider = "mock"\nrps = 3', "unknown setting 'rps'|did you mean rpm?"),
        ('provider = "mock"\ninput-tmp = 3', "did you mean input-tpm?"),
        ('provider = "mock"\nconcurrency = 0', "concurrency is 0|concurrency = 8"),
        ('provider = "mock"\nconcurrency = 2.5', "concurrency is 2.5|concurrency = 8"),
        ('provider = "mock"\nrpm = 0', "rpm is 0"),
        ('provider = "mock"\nrpm = nan', "rpm is"),
        ('provider = "mock"\nrpm = "600"', "rpm is '600'"),
        ('provider = "mock"\ntimeout = true', "timeout is True"),
        ('provider = "mock"\nshared = 1', "shared is 1|shared = true"),
        ('provider = "openai"\nurl = "gpu:8000"', "url is 'gpu:8000'|https://example.org/v1"),
        ('provider = "openai"\nurl = "http://gpu:port"', "url is"),
        ('provider = "openai"\nheaders = { A = 1 }', "headers is"),
        ('provider = "openai"\nprice = "free"', "price is 'free'|price = 0"),
        ('provider = "mock"\nkey-env = "A"\nkey_env = "B"', "sets 'key_env' twice"),
    ],
)
def test_a_lane_that_makes_no_sense_is_refused(here, section, said):
    settings = loaded(f"[prompts.lanes.x]\n{section}\n", here)
    message = error(settings.lanes)
    assert all(part in message for part in said.split("|")), message
    assert "[prompts.lanes.x]" in message


def test_a_key_may_not_stand_in_the_file_and_is_not_repeated(here):
    settings = loaded('[prompts.lanes.x]\nprovider = "openai"\napi-key = "sk-secret"\n', here)
    message = error(settings.lanes)
    assert "holds a key" in message
    assert "sk-secret" not in message


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("Authorization", "Bearer tok-SECRETHDR", '"Bearer $MY_KEY"'),
        ("authorization", "tok-SECRETHDR", '"Bearer $MY_KEY"'),
        ("X-Api-Key", "SECRETHDR", 'X-Api-Key = "$MY_KEY"'),
        ("apikey", "SECRETHDR", '"$MY_KEY"'),
        ("Ocp-Apim-Subscription-Key", "SECRETHDR", '"$MY_KEY"'),
        ("X-Auth-Token", "SECRETHDR", '"$MY_KEY"'),
        ("Cookie", "session=SECRETHDR", '"$MY_KEY"'),
    ],
)
def test_a_header_that_holds_a_key_is_refused_and_the_key_is_not_repeated(here, name, value, hint):
    section = f'provider = "openai"\nheaders = {{ {name} = "{value}" }}'
    message = error(loaded(f"[prompts.lanes.x]\n{section}\n", here).lanes)
    assert f"holds a key: {name}" in message
    assert hint in message
    assert "SECRETHDR" not in message


def test_headers_with_a_variable_and_those_that_hold_no_key_are_none_of_these(here):
    headers = 'Authorization = "Token $K", X-Api-Key = "a-${K}", X-Team = "blue", Monkey = "ape"'
    text = f'[prompts.lanes.x]\nprovider = "openai"\nheaders = {{ {headers} }}\n'
    assert loaded(text, here, K="k-1").lanes()["x"].headers == {
        "Authorization": "Token k-1",
        "X-Api-Key": "a-k-1",
        "X-Team": "blue",
        "Monkey": "ape",
    }


# ── a name and a password in a url ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("variable", "lane", "url"),
    [
        ("OPENAI_BASE_URL", "openai", "http://me:p%40ss%C3%A9@host:8000/v1/?api-version=1"),
        (
            "OPENAI_BASE_URL",
            "openai-responses",
            "http://me:p%40ss%C3%A9@host:8000/v1/?api-version=1",
        ),
        ("OLLAMA_HOST", "ollama", "me:p%40ss%C3%A9@host:8000"),
    ],
)
def test_a_name_and_a_password_in_a_url_are_sent_as_a_header(here, variable, lane, url):
    found = Settings.load(environment={variable: url, "OPENAI_API_KEY": "sk-1"}).lanes()[lane]
    assert found.url.startswith("http://host:8000")
    assert found.url.endswith(url.partition(":8000")[2])
    scheme, _, login = found.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(login).decode()) == ("Basic", "me:p@ssé")
    assert "p@ssé" in secrets_in(found.url, found.headers)


def test_they_go_before_a_key_that_is_for_any_address(here):
    text = '[prompts.lanes.x]\nprovider = "openai"\nurl = "http://me:pw@host/v1"\nkey-env = "K"\n'
    lane = loaded(text, here, K="sk-1").lanes()["x"]
    assert OpenAIChat().headers(lane) == {"Authorization": "Basic bWU6cHc="}


def test_a_url_with_a_password_and_a_header_that_says_who_asks_do_not_go_together(here):
    text = """
        [prompts.lanes.x]
        provider = "openai"
        url = "http://me:pw-SECRET@host/v1"
        headers = { authorization = "Bearer $K" }
        """
    message = error(loaded(text, here, K="k").lanes)
    assert "[prompts.lanes.x] has a name and a password in its url, and Authorization" in message
    assert "SECRET" not in message


def test_an_at_sign_in_a_path_is_no_name(here):
    lane = Settings.load(environment={"OPENAI_BASE_URL": "http://host/a@b"}).lanes()["openai"]
    assert (lane.url, dict(lane.headers)) == ("http://host/a@b", {})


@pytest.mark.parametrize(
    "option",
    [
        "latency",
        "errors",
        "seed",
        "window",
        "answer",
        "finish",
        "stream",
        "raw",
        "idle_timeout",
        "referer",
        "title",
        "num_ctx",
        "organization",
        "keep_alive",
    ],
)
def test_no_option_of_a_provider_is_taken_for_a_slip(here, option):
    settings = loaded(f'[prompts.lanes.x]\nprovider = "mock"\n{option} = "1"\n', here)
    assert settings.lanes()["x"].options == {option: "1"}


def test_a_lane_that_is_no_table_is_said(here):
    settings = loaded('[prompts.lanes]\nopenai = "x"\n', here)
    assert "sets openai = 'x'" in error(settings.lanes)


# ── prices ───────────────────────────────────────────────────────────────────────────────────────


def test_prices_of_models_and_lanes_are_read_to_the_last_digit(here):
    settings = loaded(
        '[prompts]\nprice-list = "genai-prices"\n'
        '[prompts.prices."my/model"]\ninput = 0.1\noutput = 0.3\n'
        '[prompts.lanes.gpu]\nprovider = "openai"\nurl = "http://gpu/v1"\nprice = 0\n'
        '[prompts.lanes.big]\nprovider = "openai"\nprice = { input = 1, output = 2.2 }\n',
        here,
    )
    assert settings.price_list == "genai-prices"
    assert settings.prices() == {
        "my/model": {"input": Decimal("0.1"), "output": Decimal("0.3")},
        "gpu/*": 0,
        "big/*": {"input": 1, "output": Decimal("2.2")},
    }
    lanes = settings.lanes()
    prices = Prices.load(settings.prices())
    price = prices.of("anything", lane=lanes["big"])
    assert price is not None
    assert price.output == Decimal("2.2")
    gpu = prices.of("anything", lane=lanes["gpu"])
    assert gpu is not None
    assert gpu.is_free
    assert settings.options("run", KNOWN) == {}


# ── the environment ──────────────────────────────────────────────────────────────────────────────


def test_keys_come_from_the_env_file_of_this_folder_or_one_above(here, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (here / ".env").write_text("OPENAI_API_KEY=sk-file\nANTHROPIC_API_KEY=file\nnonsense\n")
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "set")
    settings = Settings.load()
    lanes = settings.lanes()
    assert lanes["openai"].key is not None
    assert lanes["openai"].key.reveal() == "sk-file"
    assert lanes["anthropic"].key is not None
    assert lanes["anthropic"].key.reveal() == "set"
    assert len(settings.warnings) == 1
    assert re.search(r"\.env: line 3 is not NAME=value", settings.warnings[0])


def test_no_representation_shows_a_key(here):
    settings = Settings.load(environment={"OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in repr(settings)
    assert "sk-secret" not in repr(settings.lanes())


def test_what_holds_for_all_lanes_goes_under_what_the_file_says_of_one(here):
    settings = loaded("[prompts.lanes.slow]\nprovider = 'openai'\nconcurrency = 1\n", here)
    defaults = {"concurrency": 8, "timeout": 60}
    lanes = settings.lanes(defaults=defaults)
    assert (lanes["slow"].concurrency, lanes["slow"].timeout) == (1, 60)
    assert (lanes["mock"].concurrency, lanes["mock"].timeout) == (8, 60)
    lanes = settings.lanes({"*": {"concurrency": 3}}, defaults=defaults)
    assert {lane.concurrency for lane in lanes.values()} == {3}


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"url": "http://a.example"}, "unknown setting 'url'"),
        ({"concurency": 8}, "unknown setting 'concurency'"),
        ({"concurrency": "8"}, "lane_defaults concurrency is '8'"),
    ],
)
def test_what_cannot_hold_for_all_lanes_is_named(here, defaults, message):
    with pytest.raises(treadle.UsageError, match=message) as caught:
        loaded("", here).lanes(defaults=defaults)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["5.1", '"5.1"', '" $5.1 "'])
def test_money_is_exact_in_quotes_or_without(here, text):
    found = loaded(f"[prompts]\nmax-cost = {text}\n", here).options("run", KNOWN)
    assert found == {"max_cost": Decimal("5.1")}


def test_what_holds_for_one_session_is_refused_wherever_it_stands(here):
    for place, other in (("prompts", "run"), ("prompts.run", "run"), ("prompts.run", "plan")):
        settings = loaded(f"[{place}]\nrepeats-now = 2\n", here)
        with pytest.raises(treadle.UsageError, match="holds for one session") as caught:
            settings.options(other, KNOWN, only_typed={"repeats_now"})
        assert caught.value.hint == "type --repeats-now when you mean it"
