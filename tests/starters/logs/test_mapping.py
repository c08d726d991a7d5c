"""The mapping of a log: what is refused, with its line, and whether it fits a catalog."""

from pathlib import Path

import pytest

from starters.logs.events import LogError
from starters.logs.mapping import load_mapping
from tests.starters.incidents import MAPPING, catalog, mapping


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("case_id: number ", "case: number ", r":8: case: unknown key 'case'; did you mean 'case_id'"),
        (
            "case_id: number ",
            "case_id: number\ncaseid: x ",
            r":9: caseid: unknown key 'caseid'; did you mean 'case_id'",
        ),
        ("time_zone: UTC", "time_zone: Mars/Olympus", r":18: times.time_zone: unknown time zone 'Mars/Olympus'"),
        ("time_zone: UTC", "time_zone: America/New_Yrok", "did you mean 'America/New_York'"),
        ("  time_zone: UTC", "", r":16: times: give either time_zone, whose wall clock"),
        ('"%d-%m-%Y %H:%M"', '"%H:%M"', r":16: times: format '%H:%M' does not hold a whole date"),
        ('"%d-%m-%Y %H:%M"', '"%d-%m-%Y %Q"', r":16: times: bad format '%d-%m-%Y %Q'"),
        ("opened: New", "opened: Fresh", r"state: 'Fresh' is none of the states in values: New, Active"),
        ("closed: [Closed]", "closed: [Done]", r"state: 'Done' is none of the states"),
        ("type: integer}", "type: int}", r":53: fields.reassignment_count.type: 'int' is not 'string'"),
        ("category: {column", "state: {column", "the field 'state' is declared twice, by state and by fields"),
        ("category: {column", "in: {column", "field 'in' has the name of a word of the criteria's grammar"),
        ("case_id: number ", "# case_id: number ", r":1: case_id: missing; every log mapping has one"),
        ('"?"', "5", r":20: no_value: expected text, not 5; in quotes it would be: '5'"),
        ("case_id: number ", "case_id: [number ", r":\d+: no YAML: "),
    ],
)
def test_a_bad_mapping_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = MAPPING.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mapping.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LogError, match=said):
        load_mapping(path)


def test_a_mapping_that_is_not_there_or_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    with pytest.raises(LogError, match=r"mapping.yaml: No such file"):
        load_mapping(path)
    path.write_text("- case_id\n", encoding="utf-8")
    with pytest.raises(LogError, match=r"mapping.yaml:1: a column mapping is a mapping"):
        load_mapping(path)
    path.write_bytes(b"case_id: \xff\n")
    with pytest.raises(LogError, match=r"mapping.yaml: is not UTF-8"):
        load_mapping(path)


def test_a_mapping_fits_the_fields_of_its_catalog() -> None:
    """What the log fills has to be declared by the catalog, with the same type."""
    assert mapping().misfits(catalog().fields) == []
    declared = {**catalog().fields, "reopen_count": catalog().fields["state"]}
    del declared["urgency"]
    assert mapping().misfits(declared) == [
        f"the mapping fills the field 'urgency'; the catalog has none: there are {', '.join(sorted(declared))}",
        "the field 'reopen_count' is integer in the mapping and string in the catalog; make them one",
    ]
