"""The incident log that the tests of this folder share: its sample, mapping, policy and pure run, each made once."""

import os
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.timeline.plan import Plan
from starters.backtest.pure_run import Walked, plan_for, walk
from starters.logs.events import EventLog, LoggedCase, read_log
from starters.logs.mapping import LogMapping, load_mapping

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "starters/incident_sample/incident_event_log.csv"
MAPPING = ROOT / "catalogs/incidents.mapping.yaml"
CATALOG = ROOT / "catalogs/incidents.yaml"
ENTITLEMENT = "workplace-it-support"

FULL_LOG = os.environ.get("MILEPOST_FULL_LOG")
"""The file with all 890 incidents, if it is at hand."""


@cache
def mapping() -> LogMapping:
    return load_mapping(MAPPING)


@cache
def catalog() -> Catalog:
    return read_document(YAML(typ="safe").load(CATALOG.read_text(encoding="utf-8")))


@cache
def log(path: Path = SAMPLE) -> EventLog:
    return read_log(path, mapping())


@cache
def plan(path: Path = SAMPLE) -> Plan:
    return plan_for(catalog(), log(path).cases, entitlement=ENTITLEMENT)


@cache
def walked(path: Path = SAMPLE) -> dict[str, Walked]:
    return {case.case_id: walk(case, plan(path)) for case in log(path).cases}


def case(case_id: str) -> LoggedCase:
    return next(found for found in log().cases if found.case_id == case_id)
