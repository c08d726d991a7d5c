"""What workers know of endpoints, alike on both databases."""

from datetime import UTC, datetime, timedelta

from domain.catalog.documents import read_document
from domain.delivery.circuit import OPENS_AFTER
from store import Store, tables

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)


def test_an_endpoint_is_stored_as_it_was_declared(store: Store) -> None:
    """Where its secrets are, never what they are."""
    declared = {"id": "desk", "url": "https://desk.example.com/hooks", "secrets": [{"env": "DESK_SECRET"}]}
    diff = store.catalog.apply(read_document({"endpoints": [declared]}), by="ann")
    assert diff.of("endpoints", "created") == ["desk"]
    endpoint = store.endpoints.get("desk")
    assert (endpoint.kind, endpoint.url, endpoint.secrets[0].env) == ("standard", declared["url"], "DESK_SECRET")
    assert store.catalog.everything().endpoints == [endpoint]


def test_failures_in_a_row_leave_an_endpoint_alone(store: Store) -> None:
    """Until then one attempt of all workers' may try it, and after that the next one."""
    for second in range(OPENS_AFTER):
        assert store.endpoints.state("desk").open_until is None
        store.endpoints.failed("desk", "HTTP 500", T0 + timedelta(seconds=second))
    state = store.endpoints.state("desk")
    assert (state.failures, state.failing_since, state.said) == (OPENS_AFTER, T0, "HTTP 500")
    assert state.open_until == T0 + timedelta(seconds=OPENS_AFTER - 1 + 30)
    later = T0 + timedelta(minutes=1)
    assert not store.endpoints.try_again("desk", T0 + timedelta(seconds=10), later)
    assert store.endpoints.try_again("desk", later, later + timedelta(seconds=30))
    assert not store.endpoints.try_again("desk", later, later + timedelta(seconds=30))
    store.endpoints.answered("desk")
    assert store.endpoints.state("desk").model_dump(exclude={"endpoint", "said"}) == {
        "failures": 0,
        "failing_since": None,
        "open_until": None,
        "off_at": None,
        "told_at": None,
    }


def test_one_that_answered_meanwhile_is_not_left_alone_again(store: Store) -> None:
    """By an attempt that looked before the answer came: for each that went ahead all others were held for a while."""
    for _ in range(OPENS_AFTER):
        store.endpoints.failed("desk", "HTTP 500", T0)
    later = T0 + timedelta(minutes=1)
    for _ in range(2):  # both have seen that it was left alone until a while ago
        assert (store.endpoints.state("desk").open_until or later) <= later
    assert store.endpoints.try_again("desk", later, later + timedelta(seconds=30))
    store.endpoints.answered("desk")
    assert store.endpoints.try_again("desk", later, later + timedelta(seconds=30))
    assert store.endpoints.state("desk").open_until is None


def test_an_answer_lets_one_go_that_was_held_without_a_failure(store: Store) -> None:
    """As a build before this one left it."""
    store.endpoints.failed("desk", "HTTP 500", T0)
    table = tables.endpoint_states
    with store._database.write() as connection:
        connection.execute(table.update().values(failures=0, failing_since=None, open_until=T0 + timedelta(minutes=5)))
    store.endpoints.answered("desk")
    assert store.endpoints.state("desk").open_until is None


def test_an_endpoint_that_is_off_stays_off(store: Store) -> None:
    """Until somebody switches it on, whatever an attempt that was under way has to say."""
    store.endpoints.failed("desk", "HTTP 500", T0)
    store.endpoints.switch("desk", off_at=T0, said="HTTP 410")
    store.endpoints.answered("desk")
    assert [(state.endpoint, state.off_at, state.said) for state in store.endpoints.states()] == [
        ("desk", T0, "HTTP 410")
    ]
    store.endpoints.switch("desk", off_at=None)
    assert store.endpoints.state("desk").off_at is None


def test_a_delivery_counts_its_attempts(store: Store) -> None:
    """What was sent stays so; what had failed for good begins anew."""
    assert store.deliveries.begin_delivery("c-1/a", "email", "ann@example.org", T0).attempts == 0
    store.deliveries.record_attempt("c-1/a", "waits", "451 later", T0)
    store.deliveries.record_attempt("c-1/a", "failed", "550 no", T0 + timedelta(hours=1))
    [failed] = store.deliveries.of_case("c-1")
    assert (failed.status, failed.attempts, failed.answer) == ("failed", 2, "550 no")
    again = store.deliveries.begin_delivery("c-1/a", "email", "bo@example.org", T0 + timedelta(days=1))
    assert (again.status, again.attempts, again.to, again.first_at) == (
        "waits",
        0,
        "bo@example.org",
        T0 + timedelta(days=1),
    )
    store.deliveries.record_attempt("c-1/a", "sent", "250 taken", T0)
    store.deliveries.record_attempt("c-1/a", "failed", "late news", T0)
    assert store.deliveries.begin_delivery("c-1/a", "email", "bo@example.org", T0).answer == "250 taken"
