"""A pytest plugin: each test, what it asked of a server and what came of it, as lines of JSON in $RECORD.

A line has `name`, `phase` where it ended ("setup", "call", "teardown"), `outcome` ("passed", "failed",
"skipped"), `why` (the exception in short), `asked` (what was sent and how it was answered, with the body of
answers of 400 and above), and `flags` of the server that was started last.
"""

import functools
import json
import os
from collections.abc import Generator
from typing import Any

import httpx
import pytest
import requests

asked: list[dict[str, Any]] = []
flags: list[str] = []


def sent(method: str, url: str) -> dict[str, Any]:
    """Remember a request; its status is 0 until it is answered."""
    one = {"method": method, "path": httpx.URL(url).path, "status": 0, "body": ""}
    asked.append(one)
    return one


def watch() -> None:
    """Make httpx and requests tell of each request, and of its answer."""
    send, send_async, send_requests = httpx.Client.send, httpx.AsyncClient.send, requests.Session.send

    @functools.wraps(send)
    def of_httpx(self: Any, request: Any, **options: Any) -> Any:
        one = sent(request.method, str(request.url))
        response = send(self, request, **options)
        one["status"] = response.status_code
        if response.status_code >= 400:
            one["body"] = response.read().decode(errors="replace")[:2000]
        return response

    @functools.wraps(send_async)
    async def of_async_httpx(self: Any, request: Any, **options: Any) -> Any:
        one = sent(request.method, str(request.url))
        response = await send_async(self, request, **options)
        one["status"] = response.status_code
        if response.status_code >= 400:
            one["body"] = (await response.aread()).decode(errors="replace")[:2000]
        return response

    @functools.wraps(send_requests)
    def of_requests(self: Any, request: Any, **options: Any) -> Any:
        one = sent(request.method, request.url)
        response = send_requests(self, request, **options)
        one["status"] = response.status_code
        if response.status_code >= 400:
            one["body"] = response.text[:2000]
        return response

    httpx.Client.send, httpx.AsyncClient.send = of_httpx, of_async_httpx  # type: ignore
    requests.Session.send = of_requests  # type: ignore


def pytest_configure(config: Any) -> None:
    """Begin."""
    watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: Any, nextitem: Any) -> Generator[None, Any, Any]:
    """Write a test's line when it is over; what a module's server was asked before stays with that test."""
    asked.clear()
    item.ended = {"phase": "call", "outcome": "passed", "why": ""}
    result = yield
    write({"name": item.nodeid, **item.ended, "asked": list(asked), "flags": list(flags)})
    return result


def pytest_collectreport(report: Any) -> None:
    """Write a line for a file that cannot be imported."""
    if report.failed:
        why = str(report.longrepr).strip().rpartition("\n")[2]
        write({"name": report.nodeid, "phase": "collect", "outcome": "failed", "why": why, "asked": []})


def write(line: dict[str, Any]) -> None:
    """Add a line to the record."""
    with open(os.environ["RECORD"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """Keep the first phase that did not pass."""
    report = yield
    if report.outcome != "passed" and item.ended["outcome"] == "passed":
        why = call.excinfo.exconly() if call.excinfo else str(report.longrepr)
        item.ended = {"phase": report.when, "outcome": report.outcome, "why": why[:4000]}
    return report
