"""Ids made of other ids."""

from domain.ids import LONGEST, event_id_of


def test_what_fits_is_as_it_is() -> None:
    assert event_id_of("open", "C1", "r" * (LONGEST - 8)) == f"open-C1-{'r' * (LONGEST - 8)}"


def test_what_does_not_fit_is_cut_and_stays_one_of_its_kind() -> None:
    """The same of the same, another of another that begins alike."""
    long = "x" * LONGEST
    first, same, other = (event_id_of("open", "C1", long + end) for end in ("a", "a", "b"))
    assert len(first) == LONGEST
    assert first == same != other
    assert first.startswith("open-C1-xxx")
