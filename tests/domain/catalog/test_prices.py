"""What the criteria of a process cost together, as the plan of a case says it."""

from domain.catalog.prices import criteria_ms
from domain.criteria.compiling import compile_criteria
from domain.criteria.fields import CriteriaSchema, FieldType
from domain.process import EntitlementProcess

FIELDS = {"note": FieldType.STRING, "other": FieldType.STRING}
DEAR = "(case.note + case.note).contains(case.other + case.other)"


def process(*criteria: str) -> EntitlementProcess:
    milestones = [{"name": f"M{n}", "within": "1h", "when": criterion} for n, criterion in enumerate(criteria)]
    return EntitlementProcess.model_validate({"name": "P", "milestones": milestones})


def test_the_price_is_that_by_which_criteria_are_allowed() -> None:
    """Of each criterion once, however many milestones have it."""
    one = compile_criteria(DEAR, CriteriaSchema(case=FIELDS)) / 1e6
    assert criteria_ms(process(DEAR), FIELDS) == int(one) > 30
    assert criteria_ms(process(DEAR, DEAR, ""), FIELDS) == int(one)
    assert criteria_ms(process(DEAR, f"!{DEAR}"), FIELDS) == int(2 * one)


def test_ordinary_criteria_cost_nothing() -> None:
    """Nor does a case without a process."""
    assert criteria_ms(process('case.note == "x"', "has(case.other)"), FIELDS) == 0
    assert criteria_ms(None, FIELDS) == 0


def test_what_has_no_price_counts_as_the_dearest() -> None:
    """An older build may have let it pass: what does not compile, and a pattern that is not written out."""
    assert criteria_ms(process("case.note ==", "case.note.matches(case.other)"), FIELDS) == 100
