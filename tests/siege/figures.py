"""The figures of a siege: how late, what met what, and the report that says it all."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from temporalio.runtime import Runtime, TelemetryConfig

from tests.siege.checking import Effect, Verdict
from tests.siege.faults import Outage
from tests.siege.wire import Sent

_SETTLING = 3.0
"""Seconds after an outage in which lateness is put down to it."""
_NEAR = 0.5
"""Seconds: what happens so near to a fault met it."""

PHASES = (
    "case: open",
    "case: signal",
    "case: open_case done",
    "case: email done",
    "case: task done",
    "case: goes on in the next run",
    "case: change_entitlement",
    "case: decide_overage",
    "case: log_time",
    "case: close",
    "entitlement: consume_many",
    "entitlement: record_usage done",
    "entitlement: perform_usage_action done",
    "entitlement: goes on in the next run",
)
"""What every kind of fault should meet sometimes."""


def silence() -> None:
    """Keep the SDK's log out of a report: that a server does not answer is what was wanted."""
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)), error_if_already_set=False)


def percentiles(seconds: Iterable[float]) -> dict[str, float]:
    """How many, the median, the 99th percentile and the worst; zeros of nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0, "p50": 0.0, "p99": 0.0, "max": 0.0}
    at = {"p50": ordered[len(ordered) // 2], "p99": ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]}
    return {"count": len(ordered), **{k: round(v, 3) for k, v in at.items()}, "max": round(ordered[-1], 3)}


def lateness(effects: Sequence[Effect], sent: Sequence[Sent], outages: Sequence[Outage]) -> dict[str, Any]:
    """How long after they could be known the effects were sent: in calm, and of what fell due in or after an outage."""
    first: dict[str, float] = {}
    for one in sent:
        first.setdefault(one.key, one.at)
    calm: list[float] = []
    after: list[float] = []
    for effect in effects:
        if effect.key in first:
            at = effect.knowable_at
            met = any(outage.began_at - _NEAR <= at <= outage.ended_at + _SETTLING for outage in outages)
            (after if met else calm).append(max(first[effect.key] - at, 0.0))
    return {"calm": percentiles(calm), "after an outage": percentiles(after)}


def drained(effects: Sequence[Effect], sent: Sequence[Sent], outages: Sequence[Outage]) -> dict[str, float]:
    """How long after each outage the last of what fell due in it was sent."""
    first: dict[str, float] = {}
    for one in sent:
        first.setdefault(one.key, one.at)
    took: list[float] = []
    for outage in outages:
        due = [e.key for e in effects if outage.began_at <= e.knowable_at <= outage.ended_at and e.key in first]
        if due:
            took.append(max(0.0, max(first[key] for key in due) - outage.ended_at))
    return percentiles(took)


def coverage(steps: Sequence[tuple[float, str]], outages: Sequence[Outage]) -> dict[str, dict[str, int]]:
    """How often each kind of fault met each phase."""
    ordered = sorted(steps)
    instants = [at for at, _ in ordered]
    met: dict[str, Counter[str]] = {}
    for outage in outages:
        low = bisect_left(instants, outage.began_at - _NEAR)
        high = bisect_left(instants, outage.began_at + _NEAR)
        met.setdefault(outage.kind, Counter()).update({name for _, name in ordered[low:high]})
    return {kind: {phase: counts[phase] for phase in PHASES} for kind, counts in sorted(met.items())}


def summary(report: dict[str, Any]) -> str:
    """The report for people."""
    verdict: Verdict = report["verdict"]
    where = f"commit {report['commit']}, {report['workers']} workers, store on {report['store']}"
    lines = [
        f"siege of seed {report['seed']}: {report['minutes']:g} min, {where}",
        f"  faults     {_listed(report['faults'])}",
        f"  messages   {_listed(report['messages'])}",
        f"  checked    {_listed(verdict.counts)}",
    ]
    for name, figures in report["lateness"].items():
        lines.append(f"  lateness   {name}: {_seconds(figures)}")
    lines += [
        f"  drained    after an outage: {_seconds(report['drained'])}; at the end in {report['drain_seconds']:.1f} s",
        f"  wrong      {_listed({kind: len(said) for kind, said in verdict.findings.items()}) or 'nothing'}",
    ]
    for kind, said in verdict.findings.items():
        lines += [f"    {kind}: {one}" for one in said[:8]]
        lines += [f"    {kind}: ... {len(said) - 8} more"] if len(said) > 8 else []
    never = [f"{kind} x {phase}" for kind, met in report["coverage"].items() for phase, n in met.items() if not n]
    pairs = sum(len(met) for met in report["coverage"].values())
    lines.append(f"  sometimes  {pairs - len(never)} of {pairs} pairs of fault and phase have met")
    return "\n".join(lines)


def _listed(counts: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def _seconds(figures: dict[str, float]) -> str:
    return (
        f"p50 {figures['p50']:.2f} s, p99 {figures['p99']:.2f} s, max {figures['max']:.2f} s (of {figures['count']:g})"
    )
