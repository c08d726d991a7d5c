"""Catalog files: every problem with file, line, path and what would be right, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.catalog.declarations import Catalog
from domain.errors import CatalogError
from starters.files.catalogs import apply_files, read_catalog
from store import Store

SAMPLE = Path(__file__).parents[3] / "catalogs" / "minimal.yaml"


def written(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def problems(folder: Path, **files: str) -> list[str]:
    """The lines of the error, without the folder."""
    with pytest.raises(CatalogError) as error:
        read_catalog(written(folder, **files))
    return str(error.value).replace(f"{folder}/", "").splitlines()


def test_the_sample_is_right() -> None:
    """It is what a newcomer begins with."""
    catalog = read_catalog([SAMPLE])
    assert [process.name for process in catalog.processes] == ["Bronze", "Silver", "Gold"]


def test_a_problem_names_file_line_column_path_and_remedy(tmp_path: Path) -> None:
    """Counted from 1, at the key."""
    text = "accounts:\n  - id: acme\n    tmie_zone: UTC\n"
    assert problems(tmp_path, a=text) == [
        "the catalog has 1 problem, nothing of it was stored:",
        "a.yaml:3:5: accounts[0].tmie_zone: unknown key 'tmie_zone'; did you mean 'time_zone'?",
    ]


def test_all_problems_of_all_files_come_at_once_in_their_order(tmp_path: Path) -> None:
    """A path is that of its own file."""
    first = "fields: {priority: string}\naccounts:\n  - id: acme\n  - id: acme\n"
    second = (
        "accounts:\n  - id: other\n    manager_mail: nobody\n"
        "processes:\n"
        "  - name: Gold\n"
        "    milestones:\n"
        "      - name: First\n"
        "        within:\n"
        "          - {when: case.prio == 1, span: 1h}\n"
        "          - span: 2d\n"
    )
    near = "did you mean 'priority'?"
    bare = (
        "a bare 'd' is refused, since an eight-hour calendar and a clock disagree on what it means; "
        "write 2bd for business days, or 48h for open hours"
    )
    assert problems(tmp_path, a=first, b=second) == [
        "the catalog has 4 problems, nothing of it was stored:",
        "a.yaml:4:5: accounts[1]: account 'acme' is declared twice; keep one of the two (the first is at a.yaml:3)",
        "b.yaml:3:5: accounts[0].manager_mail: 'nobody' is no mail address, such as service@example.com",
        "b.yaml:9:14: processes[0].milestones[0].within[0].when: line 1, column 6: unknown field 'prio' of case: "
        + near,
        "b.yaml:10:13: processes[0].milestones[0].within[1].span: bad span '2d': " + bare,
    ]


def test_several_files_and_folders_make_one_catalog(tmp_path: Path) -> None:
    """References go across files; a file that is named twice is read once."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "notes.txt").write_text("not a catalog")
    written(tmp_path / "more", b="contacts:\n  - {id: ann, account: acme}\n", c="fields: {priority: string}\n")
    first = written(tmp_path, a="fields: {priority: string, count: integer}\naccounts: [{id: acme}]\n")[0]
    catalog = read_catalog([first, tmp_path / "more", tmp_path / "more" / "b.yaml"])
    assert [contact.id for contact in catalog.contacts] == ["ann"]
    assert list(catalog.fields) == ["priority", "count"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1\n", "a.yaml:2:1: this is no YAML: while parsing a flow sequence"),
        ("a: b: c\n", "a.yaml:1:5: this is no YAML: mapping values are not allowed"),
        ("\tid: x\n", "a.yaml:1:1: this is no YAML: while scanning"),
        ("a: 1\n---\nb: 1\n", "a.yaml:2:1: this is no YAML: expected a single document"),
        ("a: *nobody\n", "a.yaml:1:4: this is no YAML: found undefined alias"),
        ("- id: acme\n", "a.yaml:1:1: a catalog is a mapping with the keys organisation, fields, business_hours,"),
        ("just text\n", "a.yaml:1:1: a catalog is a mapping with the keys"),
        ("a: &a [*a]\n", "a.yaml: the document is nested too deeply, or its aliases contain one another"),
        ("accounts:\n  - id: a\n    id: b\n", "a.yaml:3:5: accounts[0].id: the key 'id' is given twice; the first"),
        ("accounts: []\naccounts: []\n", "a.yaml:2:1: accounts: the key 'accounts' is given twice; the first"),
        ("fields: {? [a] : string}\n", "a.yaml:1:12: a key is text, not a list or a mapping"),
        ("accounts:\n  - <<: x\n    id: a\n", "a.yaml:2:9: << takes a mapping, or a list of mappings"),
        ("accounts: acme\n", "a.yaml:1:1: accounts: expected a list of accounts, each beginning with '- ', not 'acme'"),
        ("colour: red\n", "a.yaml:1:1: colour: unknown key 'colour'; "),
        ("accounts: [{name: Acme}]\n", "a.yaml:1:12: accounts[0].id: missing; every account has one"),
        ("organisation: {time_zone: Mars}\n", "a.yaml:1:16: organisation.time_zone: unknown time zone 'Mars'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where(tmp_path: Path, text: str, says: str) -> None:
    """Broken YAML, something else than a mapping, a key twice: one problem, at its place."""
    lines = problems(tmp_path, a=text)
    assert lines[0] == "the catalog has 1 problem, nothing of it was stored:"
    assert lines[1].startswith(says), lines


def test_a_file_that_is_not_there_or_no_text_says_so(tmp_path: Path) -> None:
    """And an empty folder; all of them at once, without what would only follow."""
    (tmp_path / "picture.yaml").write_bytes(b"accounts: \xff\xfe")
    (tmp_path / "empty").mkdir()
    needing = written(tmp_path, a="contacts: [{id: ann, account: acme}]\n")[0]
    with pytest.raises(CatalogError) as error:
        read_catalog([tmp_path / "none.yaml", tmp_path / "picture.yaml", tmp_path / "empty", needing])
    lines = str(error.value).replace(f"{tmp_path}/", "").splitlines()
    assert lines[0] == "the catalog has 3 problems, nothing of it was stored:"
    assert set(lines[1:]) == {
        "none.yaml: there is no such file",
        "picture.yaml: this is no text in UTF-8: byte 11 is none",
        "empty: there is no .yaml file in this folder",
    }


def test_no_file_at_all_is_a_problem() -> None:
    """An empty catalog would change nothing, silently."""
    with pytest.raises(CatalogError, match="no catalog file is given"):
        read_catalog([])


def test_an_empty_file_declares_nothing(tmp_path: Path) -> None:
    """A file of comments may wait for its first declaration."""
    assert read_catalog(written(tmp_path, a="# nothing yet\n")) == Catalog()


def test_what_two_files_declare_otherwise_is_refused(tmp_path: Path) -> None:
    """The organisation is declared once; a field may be repeated, but not with another type."""
    first = "organisation: {name: Us}\nfields: {priority: string}\n"
    second = "fields: {priority: integer}\norganisation: {name: Them}\n"
    assert problems(tmp_path, a=first, b=second)[1:] == [
        "b.yaml:1:10: fields.priority: field 'priority' is declared otherwise at a.yaml:2; keep one of the two",
        "b.yaml:2:1: organisation: organisation is declared already, at a.yaml:1; it is declared once",
    ]


def test_dates_instants_and_words_are_read_as_they_are_written(tmp_path: Path) -> None:
    """Neither is an offset lost, nor NO read as false, nor a time of day as a number; anchors and merges work."""
    text = """
accounts:
  - &acme {id: acme, name: NO}
  - {<<: *acme, id: other, time_zone: Europe/London}
business_hours:
  - name: "on"
    time_zone: UTC
    week: {mon: [09:00-17:00]}
    holidays: {country: NO, add: [2026-12-24..2026-12-31]}
    dates: {2026-06-01: [10:00-12:00]}
entitlements:
  - {id: e, account: acme, starts_on: 2026-01-01, cancelled_at: 2026-06-01T12:00:00+02:00}
"""
    catalog = read_catalog(written(tmp_path, a=text))
    assert [account.name for account in catalog.accounts] == ["NO", "NO"]
    assert catalog.business_hours[0].holidays.country == "NO"
    entitlement = catalog.entitlements[0]
    assert str(entitlement.starts_on) == "2026-01-01"
    assert entitlement.cancelled_at is not None
    assert entitlement.cancelled_at.isoformat() == "2026-06-01T12:00:00+02:00"


def test_files_may_refer_to_what_is_stored(tmp_path: Path) -> None:
    """An addition; what may not be amended is named with its line too."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        apply_files(store, written(tmp_path, a="accounts: [{id: acme}, {id: other}]\n"), by="ann")
        added = written(tmp_path, b="entitlements:\n  - id: e\n    account: acme\n")
        assert apply_files(store, added, by="ann", dry_run=True).of("entitlements", "created") == ["e"]
        apply_files(store, added, by="ann")
        moved = written(tmp_path, c="entitlements:\n  - id: e\n    account: other\n")
        with pytest.raises(CatalogError) as error:
            apply_files(store, moved, by="ann")
        assert f"{moved[0]}:3:5: entitlements[0].account: the account of entitlement 'e' cannot" in str(error.value)
        with pytest.raises(CatalogError, match="unknown account 'acmee'; did you mean 'acme'"):
            apply_files(store, written(tmp_path, d="contacts: [{id: ann, account: acmee}]\n"), by="ann")
        assert store.catalog.entitlement("e").account == "acme"


def test_a_file_of_thousands_of_aliases_is_not_unfolded(tmp_path: Path) -> None:
    """A short file may not stand for billions of values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert problems(tmp_path, a="\n".join(lines))[1].startswith("a.yaml: the document is")
