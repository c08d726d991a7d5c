"""Every kind of action that is declared is carried out by a module of its own, and says itself."""

import inspect

import pytest
from temporalio.exceptions import ApplicationError

from activities.actions.dispatch import Dispatcher, by_kind
from activities.rendering.renderer import Renderer
from domain.process.actions import KINDS, SENT
from store import Store
from tests.activities.actions.sending import effect


def test_every_kind_that_is_sent_has_a_module() -> None:
    """The module is named as the kind, and has no other."""
    modules = {kind: inspect.getmodule(function) for kind, function in by_kind().items()}
    named = {kind: module.__name__ for kind, module in modules.items() if module is not None}
    assert named == {KINDS[name]: f"activities.actions.kinds.{name}" for name in SENT}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_says_itself(name: str) -> None:
    """Which of its keys are texts, and how people read it: a class that leaves one out is not whole."""
    assert not inspect.isabstract(KINDS[name])


async def test_what_no_activity_carries_out_fails_for_good(store: Store, rendering: Renderer) -> None:
    """A case does it itself, and an entitlement can't declare it."""
    dispatcher = Dispatcher(store.actions, store.catalog, rendering)
    with pytest.raises(ApplicationError, match="no activity carries out a field_update") as failed:
        await dispatcher.perform(effect({"do": "field_update", "field": "late", "value": True}))
    assert failed.value.non_retryable
