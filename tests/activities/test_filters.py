"""The filters of texts: instants where people live, spans in words, money."""

import pytest

from activities.rendering.filters import FILTERS
from activities.rendering.sandbox import render
from domain.process.templates import OWN_FILTERS

CONTEXT = {
    "time_zone": "Europe/Berlin",
    "case": {"at": "2026-12-01T13:25:00Z", "summer": "2026-07-01T22:30:00+00:00", "on": "2026-12-31", "null": None},
    "account": None,
}


def test_the_filters_that_apply_knows_are_there() -> None:
    """And no other."""
    assert set(FILTERS) == set(OWN_FILTERS)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ case.at | local }}", "Tue 1 Dec 2026, 14:25 CET"),
        ("{{ case.summer | local }}", "Thu 2 Jul 2026, 00:30 CEST"),
        ("{{ case.at | local('America/New_York') }}", "Tue 1 Dec 2026, 08:25 EST"),
        ("{{ case.at | local(zone='Asia/Kathmandu') }}", "Tue 1 Dec 2026, 19:10 UTC+05:45"),
        ("{{ case.at | local(case.null) }}", "Tue 1 Dec 2026, 14:25 CET"),
        ("{{ case.on | local }}", "Thu 31 Dec 2026"),
        ("{{ case.on | local('Pacific/Apia') }}", "Thu 31 Dec 2026"),
    ],
)
def test_an_instant_is_told_where_its_account_lives(template: str, text: str) -> None:
    """With the zone's abbreviation, or how far it is from UTC; a date has no zone."""
    assert render(template, CONTEXT) == text


def test_without_a_zone_an_instant_is_told_in_utc() -> None:
    assert render("{{ case.at | local }}", {"case": CONTEXT["case"]}) == "Tue 1 Dec 2026, 13:25 UTC"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0 minutes"),
        ("1", "1 second"),
        ("60", "1 minute"),
        ("7500", "2 hours 5 minutes"),
        ("3605.9", "1 hour 5 seconds"),
        ("-90", "minus 1 minute 30 seconds"),
        ("'1h30m'", "1 hour 30 minutes"),
        ("'4000h'", "4,000 hours"),
        ("'45s'", "45 seconds"),
    ],
)
def test_a_span_is_told_in_words(value: str, text: str) -> None:
    """In hours, never in days, of which nobody agrees how long they are."""
    assert render("{{ " + value + " | duration }}", CONTEXT) == text


def test_a_span_lies_between_two_instants() -> None:
    assert render("{{ case.at | duration(to='2026-12-01T15:00:30+01:00') }}", CONTEXT) == "35 minutes 30 seconds"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1234.5 | money('EUR')", "1,234.50 EUR"),
        ("'85.00 EUR' | money", "85.00 EUR"),
        ("'85 USD' | money('EUR')", "85.00 USD"),
        ("0 | money", "0.00"),
        ("0.00004 | money", "0.0000"),
        ("0.0005 | money('EUR')", "0.0005 EUR"),
        ("1e16 | money", "10,000,000,000,000,000.00"),
        ("-1200000 | money('GBP')", "-1,200,000.00 GBP"),
        ("'0.0125 EUR' | money", "0.0125 EUR"),
        ("0.1 | money", "0.10"),
    ],
)
def test_money_has_its_thousands_apart(value: str, text: str) -> None:
    """And two decimals at least, up to four where it has them."""
    assert render("{{ " + value + " }}", CONTEXT) == text


@pytest.mark.parametrize("name", OWN_FILTERS)
@pytest.mark.parametrize("value", ["case.null", "case.unset", "account.name", "nothing.at.all", "''"])
def test_what_is_not_set_stays_empty(name: str, value: str) -> None:
    """Through a filter too: a mail with a gap beats none."""
    assert render("[{{ " + value + " | " + name + " }}]", CONTEXT) == "[]"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ 'soon' | local }}", "local is for instants and dates, not for 'soon'"),
        ("{{ '2026-12-01T13:25:00' | local }}", "an instant with an offset"),
        ("{{ case.at | local('Mars/Base') }}", "'Mars/Base' is no time zone"),
        ("{{ 'soon' | duration }}", "not for 'soon'"),
        ("{{ case.at | duration(to='soon') }}", "'soon' is none"),
        ("{{ 'much' | money }}", "not for 'much'"),
    ],
)
def test_a_filter_says_what_it_is_for(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"local|duration|money|zone") as refused:
        render(template, CONTEXT)
    assert why in str(refused.value)


def test_values_are_no_markup_in_html() -> None:
    """Whoever writes the subject of a case writes no HTML of a mail; filters change nothing in that."""
    context = {"case": {"id": "<img src=x onerror=alert(1)>", "amount": "1 <b>"}}
    assert render("<p>{{ case.id }}</p>", context, html=True) == "<p>&lt;img src=x onerror=alert(1)&gt;</p>"
    assert render("{{ case.id | upper | replace('IMG', '<a>') }}", context, html=True).count("<") == 0
    assert render("{{ 1 | money('<b>') }}", context, html=True) == "1.00 &lt;b&gt;"
