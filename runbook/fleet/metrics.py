"""A run as Prometheus metrics: names and labels are stable, and their number is bounded by the inventory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook.collect.request import UsageError
from runbook.fleet.rollup import EXPECTED, STATES, Rollup
from runbook.rules import load as rules

if TYPE_CHECKING:
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.core import Metric

MOST_TARGETS = 2000
"""Beyond that only the targets that are not well have a series of their own, and no more of them than this."""


def collected(fleet: Rollup) -> "Iterator[Metric]":
    """The metrics of a run."""
    from prometheus_client.core import GaugeMetricFamily as Gauge

    states = Gauge("runbook_fleet_targets", "Registries by state.", labels=("fleet", "state"))
    for state in STATES:
        states.add_metric((fleet.fleet, state), fleet.counts[state])
    yield states
    causes = Gauge("runbook_fleet_causes", "Registries with this cause.", labels=("fleet", "cause"))
    counts = {group.cause: len(group.rows) for group in fleet.groups}
    for cause in sorted({*rules(), EXPECTED}):
        causes.add_metric((fleet.fleet, cause), counts.get(cause, 0))
    yield causes
    changes = Gauge("runbook_fleet_changes", "Causes by change since the run before.", labels=("fleet", "change"))
    for key in ("new", "mended", "unclear"):
        changes.add_metric((fleet.fleet, key), len(fleet.changed(key)))
    yield changes
    well = Gauge(
        "runbook_registry_state",
        "1 for the state that a registry is in.",
        labels=("fleet", "registry", "owner", "state"),
    )
    shown = (
        fleet.rows
        if len(fleet.rows) <= MOST_TARGETS
        else [r for r in fleet.rows if r.state != "healthy"][:MOST_TARGETS]
    )
    for row in shown:
        well.add_metric((fleet.fleet, row.target.name, row.target.owner, row.state), 1)
    yield well
    for name, help_, value in (
        ("runbook_fleet_registries_without_series", "Registries that have no series of their own.", len(fleet.rows) - len(shown)),
        ("runbook_fleet_last_run_timestamp_seconds", "When the run ended.", fleet.finished),
        ("runbook_fleet_duration_seconds", "How long the run took.", fleet.finished - fleet.started),
    ):  # fmt: skip
        gauge = Gauge(name, help_, labels=("fleet",))
        gauge.add_metric((fleet.fleet,), value)
        yield gauge


def as_text(fleet: Rollup) -> str:
    """For node_exporter's textfile collector."""
    generate_latest = _client().generate_latest
    text: bytes = generate_latest(_registry(lambda: collected(fleet)))
    return text.decode()


def serve(file: Path, port: int) -> "tuple[WSGIServer, Thread]":
    """Hand out what stands in that file, at each scrape."""
    client = _client()
    from prometheus_client.parser import text_string_to_metric_families

    def families() -> "Iterator[Metric]":
        yield from text_string_to_metric_families(file.read_text(encoding="utf-8"))

    if not file.is_file():
        raise UsageError(f"There is no file {file} yet; `runbook fleet INVENTORY --prometheus FILE.prom` writes it.")
    try:
        made: tuple[WSGIServer, Thread] = client.start_http_server(port, addr="127.0.0.1", registry=_registry(families))
    except OSError as error:
        raise UsageError(f"Port {port} cannot be listened on: {error.strerror}.") from None
    return made


def _client() -> Any:
    try:
        import prometheus_client
    except ImportError:
        raise UsageError("Metrics need Prometheus's client: pip install 'registry-runbook[fleet]'.") from None
    return prometheus_client


def _registry(families: "Callable[[], Iterator[Metric]]") -> Any:
    class Fixed:
        """Hands the families out at each scrape."""

        def collect(self) -> "Iterator[Metric]":
            return families()

    made = _client().CollectorRegistry(auto_describe=False)
    made.register(Fixed())
    return made
