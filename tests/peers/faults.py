"""What stands between the product and a server: it breaks some of what passes, and writes all down.

An addon of mitmproxy, which runs it in a process and a Python of its own. For each request that
comes to a POST address it takes the next fault of ``TREADLE_FAULTS`` (names separated by commas,
over and over) and appends one line of JSON to ``TREADLE_EXCHANGES`` when it has ended.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time

from mitmproxy import http

PASS = "pass"
RETRY_AFTER = float(os.environ.get("TREADLE_RETRY_AFTER", "1"))
BUSY = b"<html><body><h1>503 Service Unavailable</h1></body></html>"
TOO_FAST = {"error": {"message": "slow down", "type": "rate_limit_error", "code": "429"}}
KEPT = 40  # bytes left of an answer that is cut


class Faults:
    """Take the faults in turn and write down what became of each request."""

    def __init__(self) -> None:
        self.turn = itertools.cycle(os.environ.get("TREADLE_FAULTS", PASS).split(","))
        self.to = open(os.environ["TREADLE_EXCHANGES"], "a", encoding="utf-8")  # noqa: SIM115

    async def request(self, flow: http.HTTPFlow) -> None:
        """Answer in place of the server, break the connection, wait, or let it pass."""
        fault = next(self.turn) if flow.request.method == "POST" else PASS
        flow.metadata["fault"] = fault
        flow.metadata["began"] = time.time()
        match fault:
            case "429":
                headers = {"retry-after": f"{RETRY_AFTER:g}", "content-type": "application/json"}
                flow.response = http.Response.make(429, json.dumps(TOO_FAST), headers)
            case "503":
                flow.response = http.Response.make(503, BUSY, {"content-type": "text/html"})
            case "kill":
                self.write(flow)
                flow.kill()
            case "delay":
                await asyncio.sleep(1.0)

    def response(self, flow: http.HTTPFlow) -> None:
        """Cut what is to be cut; write down what the product will see."""
        answered = flow.response
        flow.metadata["text"] = answered.get_text(strict=False)
        if flow.metadata["fault"] == "cut":
            # An answer of 40 bytes that says it is complete: only its JSON is not.
            answered.content = answered.content[:KEPT]
        self.write(flow)

    def write(self, flow: http.HTTPFlow) -> None:
        """Append the line of one request."""
        answered = flow.response
        exchange = {
            "fault": flow.metadata["fault"],
            "method": flow.request.method,
            "path": flow.request.path,
            "began": flow.metadata["began"],
            "ended": time.time(),
            "asked": flow.request.get_text(strict=False),
            "status": answered.status_code if answered else 0,
            "headers": {name.lower(): value for name, value in answered.headers.items()}
            if answered
            else {},
            "answered": flow.metadata.get("text", ""),
        }
        self.to.write(json.dumps(exchange) + "\n")
        self.to.flush()

    def done(self) -> None:
        """Close the file."""
        self.to.close()


addons = [Faults()]
