"""Where telemetry goes: to the program's own OpenTelemetry, or as ``OTEL_*`` variables say."""

from __future__ import annotations

import importlib
import logging
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from treadle.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_EXPORTERS = ("otlp", "console", "none")
_PURPOSE = "exporting telemetry"
_DEFAULT_QUEUE = 20_000  # spans; the library's own 2,048 are fewer than a second may bring


@dataclass(slots=True)
class Providers:
    """
    What makes spans and metrics.

    Attributes:
        tracers: A ``TracerProvider``.
        meters: A ``MeterProvider``.
        own: Those of the two that were made here, and are to be shut down.
        exporters: What sends for those.
    """

    tracers: Any
    meters: Any
    own: tuple[Any, ...]
    exporters: tuple[Any, ...]

    def give_up(self) -> None:
        """Send no more: whoever is trying again to reach somebody stops that."""
        for exporter in self.exporters:
            exporter.shutdown()

    def flush(self) -> None:
        """Send what is there; takes as long as the exporters do."""
        for provider in (self.tracers, self.meters):
            if provider in self.own:
                provider.shutdown()
            elif hasattr(provider, "force_flush"):
                provider.force_flush()


def check() -> None:
    """
    Find out whether there is what exporting needs, before anything is run.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
        UsageError: A variable asks for what there is not.
    """
    try:
        import opentelemetry.sdk.metrics
        import opentelemetry.sdk.trace  # noqa: F401  to see whether it can be
    except ImportError as error:
        raise MissingExtra("opentelemetry-sdk", "otel", purpose=_PURPOSE) from error
    for signal in ("TRACES", "METRICS"):
        if _exporter_name(signal) == "otlp":
            _otlp(signal)


def providers(tracers: Any = None, meters: Any = None) -> Providers:
    """
    Return what was given, else what the program has set up, else what is made here.

    Args:
        tracers: The caller's ``TracerProvider``, if any.
        meters: The caller's ``MeterProvider``, if any.
    """
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    own: list[Any] = []
    exporters: list[Any] = []
    if tracers is None and isinstance(trace.get_tracer_provider(), TracerProvider):
        tracers = trace.get_tracer_provider()
    if meters is None and isinstance(metrics.get_meter_provider(), MeterProvider):
        meters = metrics.get_meter_provider()
    if tracers is None:
        own.append(tracers := _tracers(exporters))
    if meters is None:
        own.append(meters := _meters(exporters))
    return Providers(tracers, meters, tuple(own), tuple(exporters))


def _tracers(exporters: list[Any]) -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SpanExporter,
    )

    # At the end of the interpreter nobody waits: the run has waited for its own.
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    name = _exporter_name("TRACES")
    if name != "none":
        exporter: SpanExporter = (
            ConsoleSpanExporter(out=sys.stderr)
            if name == "console"
            else _otlp("TRACES").OTLPSpanExporter()
        )
        exporters.append(exporter)
        room = None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else _DEFAULT_QUEUE
        provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=room))
    return provider


def _meters(exporters: list[Any]) -> Any:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        MetricExporter,
        PeriodicExportingMetricReader,
    )

    readers = []
    name = _exporter_name("METRICS")
    if name != "none":
        exporter: MetricExporter = (
            ConsoleMetricExporter(out=sys.stderr)
            if name == "console"
            else _otlp("METRICS").OTLPMetricExporter()
        )
        exporters.append(exporter)
        readers.append(PeriodicExportingMetricReader(exporter))
    return MeterProvider(readers, resource=_resource(), shutdown_on_exit=False)


def _resource() -> Resource:
    from opentelemetry.sdk.resources import Resource

    said = dict(Resource.create().attributes)
    if str(said.get("service.name", "")).startswith("unknown_service"):  # nobody has said it
        said["service.name"] = "treadle"
    # What the variables say goes over what is found out here.
    return Resource({"process.pid": os.getpid(), "host.name": socket.gethostname(), **said})


def _exporter_name(signal: str) -> str:
    variable = f"OTEL_{signal}_EXPORTER"
    name = os.environ.get(variable, "").strip() or "otlp"
    if name not in _EXPORTERS:
        raise UsageError(
            f"{variable} cannot be {name!r}", hint=f"choose one of: {', '.join(_EXPORTERS)}"
        )
    return name


def _otlp(signal: str) -> Any:
    """Return the module with the exporter of *signal* in the protocol that is asked for."""
    variable = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    if variable not in os.environ:
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = os.environ.get(variable, "").strip() or "http/protobuf"
    if protocol not in {"http/protobuf", "grpc"}:
        raise UsageError(
            f"{variable} cannot be {protocol!r}", hint="choose one of: http/protobuf, grpc"
        )
    kind = {"TRACES": "trace_exporter", "METRICS": "metric_exporter"}[signal]
    flavour = "grpc" if protocol == "grpc" else "http"
    try:
        return importlib.import_module(f"opentelemetry.exporter.otlp.proto.{flavour}.{kind}")
    except ImportError as error:
        library = f"opentelemetry-exporter-otlp-proto-{flavour}"
        extra = None if flavour == "grpc" else "otel"
        raise MissingExtra(library, extra, purpose=_PURPOSE) from error


class Troubles(logging.Handler):
    """
    Hears what the exporters complain of, so that it is said once and not a hundred times.

    Where the program has no log, nothing of it is written to stderr meanwhile.

    Attributes:
        last: The last complaint; empty when there was none.
        lost: Something could not be sent, and will not be tried again.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self.lost = False
        self._logger = logging.getLogger("opentelemetry")

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one complaint."""
        self.last = record.getMessage()
        self.lost = self.lost or record.levelno >= logging.ERROR

    def begin(self) -> None:
        """Listen."""
        self.last, self.lost = "", False
        self._logger.addHandler(self)

    def end(self) -> None:
        """Listen no more."""
        self._logger.removeHandler(self)
