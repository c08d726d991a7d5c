"""The instants of a log: how they are written, and which instant a cell means.

A zone that stands in a cell counts, or the cell is refused; it is never dropped. Zone words are known from the mapping
alone, never from the machine that reads the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from domain.bounds import cut, is_within_the_years
from domain.criteria.fields import utc_text
from domain.model import Value
from domain.years import FIRST_YEAR, LAST_YEAR
from domain.zones import checked_zone, zone_named

ISO = "iso"
EPOCHS = {"epoch": 1, "epoch_ms": 1000}
"""Formats that count from 1970-01-01 in UTC, with their units in a second."""

UNIVERSAL = frozenset({"UTC", "GMT", "Z", "UCT", "Zulu"})
"""Words that mean the offset 0 everywhere. Every other abbreviation means several clocks."""

_DIRECTIVE = re.compile(r"%[-#]?[A-Za-z%]")
_WORD = re.compile(r"[A-Za-z][A-Za-z_]*(?:/[A-Za-z_+\-0-9]+)*")
_ABBREVIATION = re.compile(r"(?:[A-Z]{1,4}[SD]?T|WET|WEST|MSK|UTC|GMT|UCT|Zulu|Z)")
_NO_ABBREVIATION = frozenset({"T", "AT"})
_HALF_DAY = re.compile(r"(?<![A-Za-z])([AaPp])\.\s?[Mm]\.?(?![A-Za-z])")
"""`a.m.` and `p. m.`, as some languages write them, which the codes do not know."""

_OFFSET = re.compile(r"[+-]\d{2}:?\d{2}")
_FRACTION_IN_CELL = re.compile(r"(?<=\d)[.,](\d{1,9})(?=\D|$)")
_FRACTION_IN_FORMAT = re.compile(r"[.,]%f")
_SECONDS = re.compile(r"[1-4]\d{9}(\.\d+)?")
"""What is written in seconds, surely: from 2001 on. Milliseconds would lie in the first weeks of 1970."""
_EXAMPLE = datetime(2016, 2, 29, 17, 45, tzinfo=UTC)


class BadTime(ValueError):
    """A cell that shows no instant; the text says what would be right."""


class ClockChange(NamedTuple):
    """A local time that its zone's clocks skipped, or showed twice; the text says how it was taken."""

    skipped: bool
    text: str


class TimeFormat(Value):
    """How the log writes instants.

    Attributes:
        format: `iso` (ISO 8601), `epoch` (seconds since 1970), `epoch_ms`, or the codes of `datetime.strptime`:
            ``%d-%m-%Y %H:%M``. Fractions of a second may be there or not. ``%Z`` stands for a zone in words.
        time_zone: the zone whose wall clock is meant where the cell has neither offset nor zone.
        zones: what zone words of the log mean: ``{CET: Europe/Paris, EST: "-05:00"}``. UTC, GMT and Z are known.
        clocks: columns with a date that is read together with the time of day in another one: ``{Date: Time}``.
    """

    format: str = Field(default=ISO, min_length=1)
    time_zone: Annotated[str, AfterValidator(checked_zone)] | None = None
    zones: dict[str, str] = Field(default_factory=dict)
    clocks: dict[str, str] = Field(default_factory=dict)

    @field_validator("zones")
    @classmethod
    def _are_zones(cls, zones: dict[str, str]) -> dict[str, str]:
        for zone in zones.values():
            if not _OFFSET.fullmatch(zone):
                checked_zone(zone)
        return zones

    @model_validator(mode="after")
    def _says_which_instant(self) -> TimeFormat:
        if self.format == ISO:
            return self
        if self.format in EPOCHS:
            if self.time_zone is not None:
                raise ValueError(f"{self.format} counts in UTC, whatever the place; leave time_zone out")
            return self
        self._check_codes()
        zone = self.zone_in_format
        if zone is None and self.time_zone is None:
            raise ValueError(
                "give either time_zone, whose wall clock the times show, or a format with their offset (%z)"
            )
        if zone is not None and self.time_zone not in (None, *({"UTC"} if zone in UNIVERSAL else ())):
            raise ValueError(
                f"give either time_zone, whose wall clock the times show, or a format with a zone of its own ({zone}); "
                "the zone in a cell counts, so leave time_zone out"
            )
        return self

    def _check_codes(self) -> None:
        rest = _DIRECTIVE.sub(" ", self.format)
        if found := _OFFSET.search(rest):
            raise ValueError(f"format {self.format!r} holds the offset {found[0]} as a text; write %z in its place")
        for word in _literal_words(self.format):
            if word not in UNIVERSAL and word not in self.zones:
                raise ValueError(
                    f"format {self.format!r} holds {word}, which means different clocks in different places; write %Z "
                    f"in its place, and what it means: zones: {{{word}: Area/City}}, or an offset such as '-05:00'"
                )
        codes = self.format.replace("%Z", "UTC")
        moment = datetime(2016, 11, 23, 17, 45, tzinfo=UTC)
        try:
            read = datetime.strptime(moment.strftime(codes), codes).replace(tzinfo=UTC)
        except (ValueError, re.error) as error:
            raise ValueError(f"bad format {self.format!r}: {error}") from None
        if read.date() != moment.date():
            raise ValueError(f"format {self.format!r} does not hold a whole date, such as '%d-%m-%Y %H:%M'")

    @property
    def zone_in_format(self) -> str | None:
        """How the format itself says the zone: by a code, or by a word that stands in it; None: it does not."""
        for code in ("%z", "%Z"):
            if code in self.format:
                return code
        return next(_literal_words(self.format), None)

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone whose wall clock the times show, where they say none themselves."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @property
    def example(self) -> str:
        """A time as the format writes it."""
        if self.format in EPOCHS:
            return str(int(_EXAMPLE.timestamp()) * EPOCHS[self.format])
        codes = "%Y-%m-%dT%H:%M:%SZ" if self.format == ISO else self.format.replace("%Z", "UTC")
        return _EXAMPLE.strftime(codes)


def _literal_words(codes: str) -> Iterator[str]:
    """The zone words that stand in a format as they are; cells are held against them whatever their case."""
    for word in re.findall(r"[A-Za-z]+", _DIRECTIVE.sub(" ", codes)):
        if word.upper() in UNIVERSAL:
            yield word.upper()
        elif _ABBREVIATION.fullmatch(word) and word not in _NO_ABBREVIATION:
            yield word


class TimeReader:
    """Reads the instants of one log. What it has read once it remembers.

    Attributes:
        changes: the clock changes in which a time lay, by its text.
    """

    def __init__(self, times: TimeFormat) -> None:
        self._times = times
        self._zone = times.zone
        self._zones: dict[str, tzinfo] = dict.fromkeys(UNIVERSAL, UTC) | {
            word: _offset(zone) or ZoneInfo(zone) for word, zone in times.zones.items()
        }
        self._literal = next(iter(_literal_words(times.format)), None) if times.format not in (ISO, *EPOCHS) else None
        self._seen: dict[str, datetime] = {}
        self.changes: dict[str, ClockChange] = {}

    def read(self, text: str) -> datetime:
        """The instant that a cell shows, in UTC. One that its zone's clocks skip or repeat is taken, and remembered.

        Raises:
            BadTime: it shows none.
        """
        if text not in self._seen:
            self._seen[text] = self._read(text)
        return self._seen[text]

    def _read(self, text: str) -> datetime:
        codes = self._times.format
        if codes in EPOCHS:
            return self._counted(text, EPOCHS[codes])
        shown, zone = self._iso(text) if codes == ISO else self._coded(text, codes)
        found = None
        if FIRST_YEAR <= shown.year <= LAST_YEAR:
            has_offset = shown.tzinfo is not None
            found = shown.astimezone(UTC) if has_offset else self._local(text, shown, zone or self._zone)
        if found is None or not is_within_the_years(found):
            raise BadTime(f"{_quoted(text)} is in no year that calendars know ({FIRST_YEAR} to {LAST_YEAR})")
        return found

    def _counted(self, text: str, unit: int) -> datetime:
        form = self._times.format
        if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise BadTime(f"{_quoted(text)} is no {form} time, such as {self._times.example}")
        at = _since_1970(text, unit)
        if at is None:
            other = "; is it in milliseconds? That is format: epoch_ms" if unit == 1 and _since_1970(text, 1000) else ""
            raise BadTime(f"{_quoted(text)} as {form} is in no year that calendars know{other}")
        if unit != 1 and _SECONDS.fullmatch(text):
            weeks = f"{_quoted(text)} as {form} is in the first weeks of 1970"
            raise BadTime(f"{weeks}; is it in seconds? That is format: epoch")
        return at

    def _iso(self, text: str) -> tuple[datetime, tzinfo | None]:
        words = [word for word in _WORD.findall(text) if word not in ("T", "t", "W", "Z")]
        bare, zone = text, None
        if words and text[:1].isdigit():
            zone = self._zone_word(text, words[-1])
            bare = text.replace(words[-1], "").strip()
        try:
            return datetime.fromisoformat(_FRACTION_IN_CELL.sub(lambda m: f".{m[1][:6]}", bare)), zone
        except ValueError:
            raise BadTime(f"{_quoted(text)} is no time of ISO 8601, such as {self._times.example}") from None

    def _coded(self, text: str, codes: str) -> tuple[datetime, tzinfo | None]:
        if "%p" in codes:
            text = _HALF_DAY.sub(r"\1M", text)
        word, zone = self._literal, self._zones.get(self._literal or "")
        if "%Z" in codes:
            word = self._zone_word_in(text, codes)
            codes = codes.replace("%Z", word)
            zone = self._zone_word(text, word)
        for variant, cell in _variants(codes, text):
            try:
                return datetime.strptime(cell, variant), zone  # noqa: DTZ007 - the zone comes next
            except ValueError:
                continue
        raise BadTime(f"{_quoted(text)} is no time of the form {self._times.format}, such as {self._times.example}")

    def _zone_word_in(self, text: str, codes: str) -> str:
        """The word that stands where a format has ``%Z``: the one with which the rest can be read."""
        for word in reversed(list(map(str, _WORD.findall(text)))):
            with_word = codes.replace("%Z", word)
            if any(_fits(cell, variant) for variant, cell in _variants(with_word, text)):
                return word
        raise BadTime(f"{_quoted(text)} is no time of the form {codes}, such as {self._times.example}")

    def _zone_word(self, text: str, word: str) -> tzinfo:
        known = self._zones.get(word) or self._zones.get(word.upper()) or (zone_named(word) if "/" in word else None)
        if known is None:
            raise BadTime(
                f"{_quoted(text)} names the zone {word}, which means different clocks in different places; say in the "
                f"mapping what it means: times: {{zones: {{{word}: Area/City}}}}, or an offset such as '-05:00'"
            )
        return known

    def _local(self, text: str, shown: datetime, zone: tzinfo | None) -> datetime:
        if zone is None:
            raise BadTime(f"{_quoted(text)} has no offset; name the zone whose wall clock it shows: times: time_zone")
        local = shown.replace(tzinfo=zone)
        instant = local.astimezone(UTC)
        taken = f"taken as {utc_text(instant)}"
        if instant.astimezone(zone).replace(tzinfo=None) != shown:
            said = f"{text} never was in {zone}, whose clocks went forward then; {taken}"
            self.changes[text] = ClockChange(skipped=True, text=said)
        elif local.utcoffset() != local.replace(fold=1).utcoffset():
            said = f"{text} was twice in {zone}, whose clocks went back then; {taken}, the first"
            self.changes[text] = ClockChange(skipped=False, text=said)
        return instant


def _since_1970(text: str, unit: int) -> datetime | None:
    """The instant so many parts of a second after 1970 began; None: in no year that calendars know."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(text) / unit)
    except OverflowError:
        return None
    return at if FIRST_YEAR <= at.year <= LAST_YEAR else None


def _variants(codes: str, text: str) -> Iterator[tuple[str, str]]:
    """The format with the cell; then both without fractions of a second, one of which may lack them."""
    yield codes, text
    plain = _FRACTION_IN_FORMAT.sub("", codes)
    if "%S" in plain:
        fraction = list(_FRACTION_IN_CELL.finditer(text))
        if plain != codes:
            yield plain, text
        for found in reversed(fraction):
            for mark in ".,":
                cell = f"{text[: found.start()]}{mark}{found[1][:6]}{text[found.end() :]}"
                yield plain.replace("%S", f"%S{mark}%f"), cell


def _fits(text: str, codes: str) -> bool:
    try:
        datetime.strptime(text, codes)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return True


def _offset(text: str) -> tzinfo | None:
    if not _OFFSET.fullmatch(text):
        return None
    digits = text[1:].replace(":", "")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-span if text[0] == "-" else span)


def _quoted(text: Any) -> str:
    return repr(cut(str(text), 80))
