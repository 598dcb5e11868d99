"""Spans and metrics of runs, as a collector gets them: what is in them, and what they never do."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

import treadle
from treadle.cli import main

pytest.importorskip("opentelemetry.sdk")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from treadle.progress.otel.sampling import Sample

SOURCE = Path(__file__).parents[2] / "src"
ERROR = 2  # status code of a span, in the protocol


class Collector:
    """A real one, as far as OTLP over HTTP goes: it decodes what it gets and keeps it."""

    def __init__(self):
        self.batches, self.last, self.headers, self.status = [], None, [], 200
        self.answering = threading.Event()
        self.answering.set()
        collector = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.headers.append(dict(self.headers))
                collector.take(self.path, body)
                collector.answering.wait(30)
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path, body):
        if path == "/v1/traces":
            self.batches.append(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            self.last = ExportMetricsServiceRequest.FromString(body)

    def close(self):
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def spans(self):
        return [
            seen(span)
            for batch in self.batches
            for resource in batch.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def runs(self):
        return [span for span in self.spans if "treadle.run.name" in span.about]

    @property
    def items(self):
        return {
            span.about["treadle.item.key"]: span
            for span in self.spans
            if "treadle.item.key" in span.about
        }

    @property
    def resource(self):
        return about(self.batches[0].resource_spans[0].resource)

    def metric(self, name):
        """Return the values of a metric by the attribute that is not the run's name."""
        found = {}
        metrics = self.last.resource_metrics[0].scope_metrics[0].metrics
        for metric in metrics:
            if metric.name == name:
                data = getattr(metric, metric.WhichOneof("data"))
                for point in data.data_points:
                    rest = about(point)
                    del rest["treadle.run.name"]
                    value = point.count if hasattr(point, "bucket_counts") else point.as_int
                    found["".join(rest.values())] = value
        return found


def about(thing):
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in thing.attributes
    }


def seen(span):
    return SimpleNamespace(
        name=span.name,
        id=span.span_id,
        parent=span.parent_span_id,
        trace=span.trace_id,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        began=span.start_time_unix_nano,
        status=(span.status.code, span.status.message),
        about=about(span),
        events=[(each.name, about(each)) for each in span.events],
    )


@pytest.fixture
def collector(monkeypatch):
    started = Collector()
    for name in ("TRACEPARENT", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", started.address)
    yield started
    started.close()


TRIES = itertools.count(1)


def same(value):
    return value


def third_time(value):
    if value == "bad" or (value == "flaky" and next(TRIES) < 3):
        raise ConnectionError(f"no {value}")
    return value


# --- what is exported -----------------------------------------------------------------------------


def test_a_run_is_a_span_with_a_span_for_each_item(collector):
    before = time.time_ns()
    treadle.run(
        same,
        ["a", "b"],
        key=str,
        name="parse",
        backend="threads",
        workers=2,
        durability="none",
        listeners=[treadle.OpenTelemetry()],
    )
    (run,) = collector.runs
    assert run.name == "parse"
    assert run.status == (0, "")
    assert before <= run.began + 1_000_000 <= time.time_ns() + 1_000_000
    assert run.about == {
        "treadle.run.name": "parse",
        "treadle.backend": "threads",
        "treadle.workers": 2,
        "treadle.items.total": 2,
        "treadle.items.ok": 2,
        "treadle.retries": 0,
        "treadle.spans.left_out": 0,
    }
    assert collector.items.keys() == {"a", "b"}
    item = collector.items["a"]
    assert (item.name, item.parent, item.trace) == ("parse item", run.id, run.trace)
    assert item.about["treadle.item.attempts"] == 1
    assert item.about["treadle.worker"].startswith("thread")
    assert 0 <= item.seconds <= run.seconds
    assert collector.resource["service.name"] == "treadle"
    assert collector.resource["process.pid"] > 0


def test_failures_and_retries_are_told_with_their_reasons(collector):
    treadle.run(
        third_time,
        ["good", "flaky", "bad"],
        key=str,
        backend="threads",
        workers=1,
        retry=treadle.Retry(attempts=3, base=0.001),
        durability="none",
        listeners=[treadle.OpenTelemetry()],
    )
    (run,) = collector.runs
    assert run.status == (ERROR, "1 of 3 items failed")
    flaky, bad = collector.items["flaky"], collector.items["bad"]
    assert flaky.status[0] == 0
    assert [name for name, _ in flaky.events] == ["retry", "retry"]
    first = flaky.events[0][1]
    assert (first["treadle.item.attempt"], first["exception.type"]) == (1, "ConnectionError")
    assert bad.status == (ERROR, "ConnectionError: no bad")
    assert bad.about["error.type"] == "ConnectionError"
    assert [name for name, _ in bad.events] == ["retry", "retry", "exception"]
    assert "third_time" in bad.events[-1][1]["exception.stacktrace"]
    assert collector.items["good"].events == []


def test_names_that_are_no_unicode_are_told_with_escapes(collector, recwarn):
    def fail(value):
        raise ValueError(f"no \udc80 {value}")

    list(
        treadle.map(
            fail, ["\udcff.csv"], backend="inline", key=str, listeners=[treadle.OpenTelemetry()]
        )
    )
    (item,) = collector.items
    assert item == "\\udcff.csv"
    assert not recwarn.list


def test_metrics_count_what_has_happened(collector):
    treadle.run(
        third_time,
        ["bad", *"abcdefgh"],
        backend="threads",
        retry=2,
        durability="none",
        listeners=[treadle.OpenTelemetry()],
    )
    assert collector.metric("treadle.items") == {"ok": 8, "failed": 1}
    assert collector.metric("treadle.failures") == {"ConnectionError": 1}
    assert collector.metric("treadle.retries") == {"": 1}
    assert collector.metric("treadle.item.duration") == {"ok": 8, "failed": 1}
    assert collector.metric("treadle.items.running") == {"": 0}
    assert collector.metric("treadle.workers") == {"": 0}


def test_of_very_many_items_some_have_spans_and_all_are_counted(collector):
    treadle.run(
        same,
        range(20_000),
        backend="threads",
        workers=2,
        durability="none",
        listeners=[treadle.OpenTelemetry(spans=50)],
    )
    (run,) = collector.runs
    told = len(collector.items)
    assert 50 <= told < 2_000
    assert run.about["treadle.spans.left_out"] == 20_000 - told
    assert collector.metric("treadle.items") == {"ok": 20_000}


def test_failures_are_not_crowded_out_by_what_went_well(collector):
    items = ["good"] * 500 + ["bad"] * 5
    treadle.run(
        third_time, items, backend="threads", durability="none",
        listeners=[treadle.OpenTelemetry(spans=10)],
    )  # fmt: skip
    found = Counter(span.status[0] for span in collector.items.values())
    assert found[ERROR] == 5


@pytest.mark.parametrize("pace", [100, 40_000])
def test_a_sample_is_bounded_and_even(pace):
    sample, at, chosen = Sample(100, 50), 0.0, []
    for batch in range(2_000):
        size = pace // 100
        chosen += [batch * size + each for each in sample.take(size, at)]
        at += 0.01
    assert chosen[:100] == list(range(100))
    assert len(chosen) <= 100 + 50 * 20 + 50
    later = [each for each in chosen if each > 2 * pace]
    assert len(later) > 500
    gaps = Counter(after - before for before, after in itertools.pairwise(later))
    assert gaps.most_common(1)[0][1] > 0.8 * len(later)


# --- where it goes --------------------------------------------------------------------------------


def test_the_usual_variables_say_where_and_as_whom(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "nightly")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    monkeypatch.setenv("TRACEPARENT", f"00-{'ab' * 16}-{'cd' * 8}-01")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    treadle.map(same, ["a", "b"], backend="threads", listeners=[treadle.OpenTelemetry()]).values()
    assert collector.resource["service.name"] == "nightly"
    assert collector.resource["deployment.environment.name"] == "test"
    assert collector.headers[0]["x-key"] == "secret"
    (run,) = collector.runs
    assert (run.trace, run.parent) == (bytes.fromhex("ab" * 16), bytes.fromhex("cd" * 8))
    assert collector.last is None


def test_a_program_with_opentelemetry_gets_the_spans_into_its_own():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    mine = TracerProvider(shutdown_on_exit=False)
    mine.add_span_processor(SimpleSpanProcessor(kept))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_METRICS_EXPORTER", "none")
        with mine.get_tracer("mine").start_as_current_span("mine"):
            listener = treadle.OpenTelemetry(tracer_provider=mine)
            for _ in range(2):  # one after the other
                treadle.map(same, ["a", "b"], backend="threads", listeners=[listener]).values()
    names = Counter(span.name for span in kept.get_finished_spans())
    assert names == {"same item": 4, "same": 2, "mine": 1}
    own = next(span for span in kept.get_finished_spans() if span.name == "mine")
    runs = [span for span in kept.get_finished_spans() if span.name == "same"]
    assert {span.parent.span_id for span in runs} == {own.context.span_id}
    mine.shutdown()


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, console, none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf, grpc"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(monkeypatch, variable, value, hint):
    monkeypatch.setenv(variable, value)
    with pytest.raises(treadle.UsageError, match=f"{variable} cannot be '{value}'\n.*{hint}"):
        treadle.OpenTelemetry()


# --- what it never does ---------------------------------------------------------------------------


def test_a_collector_that_is_not_there_costs_a_warning_and_nothing_else(monkeypatch, capfd):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    said = []
    listener = treadle.OpenTelemetry(patience=0.2, complain=said.append)
    report = treadle.run(
        same, range(50), backend="threads", durability="none", listeners=[listener]
    )
    assert report.ok == 50
    assert len(said) == 1
    assert "telemetry was not exported in full: " in said[0]
    assert "127.0.0.1" in said[0]
    assert capfd.readouterr().err == ""


def test_a_collector_that_refuses_is_said_once(collector):
    collector.status = 400
    with pytest.warns(RuntimeWarning, match="telemetry could not be exported") as said:
        treadle.map(
            same, ["a", "b"], backend="threads", listeners=[treadle.OpenTelemetry()]
        ).values()
    assert len(said) == 1


def test_a_collector_that_does_not_answer_holds_nobody_up(collector, monkeypatch):
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    collector.answering.clear()
    said = []
    listener = treadle.OpenTelemetry(patience=0.1, complain=said.append)
    assert treadle.map(same, ["a", "b"], backend="threads", listeners=[listener]).values() == [
        "a",
        "b",
    ]
    assert said == ["telemetry was not exported in full: it took more than 0.1 s"]
    collector.answering.set()


# --- the flag -------------------------------------------------------------------------------------


def test_map_and_resume_export_with_the_flag_and_not_without(
    collector, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "told_of.py").write_text("def size(line):\n    return len(line)\n")
    (tmp_path / "lines.txt").write_text("one\nthree\n")
    command = ["map", "told_of.py:size", "lines.txt", "--lines", "--into", "out.csv", "-q"]
    command += ["--backend", "threads"]
    assert main([*command, "--limit", "1"]) == 0
    assert collector.batches == []
    assert main([*command, "--anew", "--otel"]) == 0
    assert [run.about["treadle.items.ok"] for run in collector.runs] == [2]
    assert main(["resume", "latest", "--otel", "-q"]) == 0
    assert [run.name for run in collector.runs] == ["size", "size"]
    assert "otel" not in str(treadle.runs()[0].record.facts["command"])
    assert capsys.readouterr().err == ""


def test_applications_export_with_the_flag(collector, tmp_path, monkeypatch, capsys):
    pytest.importorskip("tree_sitter")
    pytest.importorskip("aiohttp")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "a.py").write_text("x = 1\n")
    chunk = ["code", "chunk", "a.py", "--into", "c.jsonl", "--backend", "inline", "-q", "--otel"]
    assert main(chunk) == 0
    (tmp_path / "prompt.txt").write_text("Say {{word}}\n")
    (tmp_path / "rows.csv").write_text("word\nyes\nno\n")
    ask = ["prompts", "run", "-p", "prompt.txt", "-e", "rows.csv", "-o", "results.csv", "-q"]
    assert main([*ask, "-m", "mock/echo", "--otel"]) == 0, capsys.readouterr().err
    assert [run.about["treadle.items.ok"] for run in collector.runs] == [1, 2]


def test_the_laboratory_exports_with_the_flag(collector, tmp_path):
    pytest.importorskip("polars")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "none.csv").write_text("this is no measurement\n")
    typed = ["lab", "pipeline", "raw", "out", "--backend", "inline", "-q", "--otel"]
    # In a process of its own: Polars keeps descriptors open for as long as its process lives.
    done = subprocess.run(
        [sys.executable, "-m", "treadle", *typed],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert {run.name.split()[0] for run in collector.runs} == {"stage", "segment", "iv"}
