"""Texts with places for a case's values, rendered in a process of their own."""

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.rendering import child, renderer
from activities.rendering.renderer import BadTemplate, NotRendered, Renderer, TooMuch
from activities.rendering.sandbox import render
from activities.rendering.trial import excessive_texts
from domain.catalog.declarations import Catalog
from domain.catalog.texts import texts
from tests.support import assert_eventually

CONTEXT = {"case": {"id": "c1", "priority": "High"}, "milestone": {"name": "First response"}, "account": None}
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ case.items.__call__.__globals__() }}",
    "{{ lipsum.__globals__['os'].environ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ (case|attr('__class__')).__base__ }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(case) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ namespace.__init__ }}{{ joiner.__init__.__globals__.os }}",
    "{{ case.get.__self__.__class__.__subclasses__() }}",
    "{% set x = case.items.__func__ %}{{ x.__code__.co_consts }}{{ ().__class__ }}",
]
"""Ways out of a sandbox, as they are published."""


@pytest_asyncio.fixture(loop_scope="session")
async def rendering() -> AsyncIterator[Renderer]:
    async with Renderer() as one:
        yield one


# --- what a text says ---


def test_a_text_is_a_template_over_the_case() -> None:
    """What is not set stays empty."""
    assert render("{{ case.id }}: {{ milestone.name }}{{ account.name }}", CONTEXT) == "c1: First response"
    assert render("{% if case.priority == 'High' %}now{% endif %}", CONTEXT) == "now"


def test_null_is_nothing_in_a_text() -> None:
    """A field that is declared and not set, in a sentence or by itself; 0 and false are something."""
    context = {"case": {"group": None, "count": 0, "vip": False}}
    assert render("for {{ case.group }}, {{ case.count }}, {{ case.vip }}", context) == "for , 0, False"
    assert render("{{ case.group or 'Dispatch' }}", context) == "Dispatch"
    assert render("{{ case.group if case.group is not none else 'none' }}", context) == "none"


@pytest.mark.parametrize("name", ["null", "never_set"])
@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ %s | tojson }}", "null"),
        ("{{ {'a': %s} | tojson }}", '{"a": null}'),
        ("{% if %s is none %}none{% else %}some{% endif %}", "none"),
        ("{% if %s == none %}none{% endif %}", "none"),
        ("{% if %s != none %}some{% endif %}", ""),
        ("{{ %s | join(', ') }}", ""),
        ("{% for one in %s %}{{ one }}{% endfor %}", ""),
        ("{{ %s | default('-') }}", "-"),
        ("{{ %s | urlencode }}", ""),
        ("{{ %s.deeper }}", ""),
    ],
)
def test_what_is_null_is_as_what_was_never_set(template: str, text: str, name: str) -> None:
    """Most cases are opened without most fields; one that says null says no more."""
    for value in (f"case.{name}", f"case['{name}']"):
        assert render(template.replace("%s", value), {"case": {"null": None}}) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("INC/2026/7", "INC%2F2026%2F7"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a b?c&d#e", "a%20b%3Fc%26d%23e"),
        ("ü", "%C3%BC"),
        (7, "7"),
        ({"q": "x/y", "n": 1}, "q=x%2Fy&n=1"),
    ],
)
def test_a_value_is_one_part_of_a_path(value: object, text: str) -> None:
    """Whatever it has in it leads nowhere else."""
    assert render("{{ case.value | urlencode }}", {"case": {"value": value}}) == text


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_leads_not_up_from_where_it_stands(value: str) -> None:
    with pytest.raises(ValueError, match="is no part of a path"):
        render("{{ case.value | urlencode }}", {"case": {"value": value}})


def test_a_field_may_have_the_name_of_a_method() -> None:
    """A value of the case comes before what Python can do with it."""
    assert render("{{ case.update }}, {{ case.items }}", {"case": {"update": "v2", "items": 3}}) == "v2, 3"
    assert render("{% for name, value in case.items() %}{{ name }}={{ value }}{% endfor %}", CONTEXT).startswith(
        "id=c1"
    )


@pytest.mark.parametrize("value", [0, "", [], False, None])
async def test_the_process_renders_what_the_sandbox_does(rendering: Renderer, value: object) -> None:
    """The way through the process changes nothing."""
    context = {"case": {"id": "c1", "note": value, "text": "\ud800 ü \0"}}
    template = "{{ case.id }} {{ case.note }} {{ case.text }} {{ account.name }}"
    assert await rendering.render(template, context) == render(template, context)


# --- what it does not get away with ---


@pytest.mark.parametrize("template", ESCAPES)
async def test_a_template_reaches_nothing_but_its_values(rendering: Renderer, template: str) -> None:
    """It runs in a sandbox: what is private to Python is refused, or empty."""
    try:
        text = await rendering.render(template, CONTEXT)
    except BadTemplate:
        return
    assert not any(word in text for word in ("class", "module", "function", "object", "environ", "0x"))


async def test_the_process_knows_no_secret_of_the_worker(rendering: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment it gets what Python needs: who escaped from the sandbox would find no password."""
    monkeypatch.setenv("MILEPOST_DATABASE_URL", "postgresql://milepost:planted-password@db/milepost")
    await rendering.render("{{ case.id }}", CONTEXT)
    if not Path("/proc/self/environ").exists():
        pytest.skip("the system does not show a process's environment")
    assert b"planted-password" not in Path(f"/proc/{rendering.pid}/environ").read_bytes()


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ case. }}", "expected name or number"),
        ("{{ case.priority + 1 }}", "can only concatenate str"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ range(1000000) }}", "Range too big"),
        ("{{" + "(" * 3000 + "1" + ")" * 3000 + "}}", "recursion"),
        ("{{ " + "9" * 5000 + " }}", "Exceeds the limit"),
        ("{% include 'other' %}", "no loader"),
        ("{{ 'a' * 70000 }}", "its text is longer than 64 KB"),
        ("{% for i in range(99999) %}{{ case.id }}{% endfor %}", "its text is longer than 64 KB"),
        ("a" * 70000, "it is longer than 64 KB"),
        ("{{ 'a' * 3000000000 }}", "it takes more than 256 MB of memory"),
        ("{{ case.id.ljust(1500000000) }}", "it takes more than 256 MB of memory"),
        ("{% set x = ['a' * 1000] * 100000000 %}{{ x|join }}", "it takes more than 256 MB of memory"),
        (ENDLESS, "it takes longer than 1 s"),
        ("{% set n = 10 ** 9 %}{{ 10 ** n }}", "it takes longer than 1 s"),
    ],
)
async def test_a_template_that_fails_says_why(rendering: Renderer, template: str, reason: str) -> None:
    """With its beginning; and the next text is rendered."""
    with pytest.raises(BadTemplate, match="can't be rendered") as caught:
        await rendering.render(template, CONTEXT)
    assert reason in str(caught.value)
    assert str(caught.value).startswith(f"template {template!r:.80}")
    assert len(str(caught.value)) < 1000
    assert await rendering.render("{{ case.id }}", CONTEXT) == "c1"


async def test_the_memory_that_others_left_condemns_no_text(
    rendering: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short of memory counts only in a fresh process."""
    await rendering.render("{{ 1 }}", CONTEXT)
    worn, answer = rendering.pid, rendering._ask
    short = [{"error": "it takes more than 256 MB of memory", "memory": True}]

    async def once_short(request: bytes) -> object:
        return short.pop() if short else await answer(request)

    monkeypatch.setattr(rendering, "_ask", once_short)
    assert await rendering.render("{{ case.id }}", CONTEXT) == "c1"
    assert rendering.pid != worn


# --- what the others notice of it ---


async def test_a_hung_text_holds_nobody_up_twice(rendering: Renderer) -> None:
    """Once it was too much, a template waits until no other does, however often it comes."""
    with pytest.raises(TooMuch):
        await rendering.render(ENDLESS, CONTEXT)
    done: list[str] = []

    async def ask(name: str, template: str) -> None:
        with contextlib.suppress(TooMuch):
            await rendering.render(template, CONTEXT)
        done.append(name)

    wanted = [("first", "{{ case.id }}"), *[("hung", ENDLESS)] * 2, *[("good", "{{ case.id }}")] * 50]
    await asyncio.gather(*(ask(name, template) for name, template in wanted))
    assert done == ["first", *["good"] * 50, "hung", "hung"]


async def test_the_loop_goes_on_while_a_text_hangs(rendering: Renderer) -> None:
    """Rendering holds neither the event loop nor a thread."""
    await rendering.render("{{ 1 }}", CONTEXT)
    hung = asyncio.create_task(rendering.render(ENDLESS, CONTEXT))
    turns = 0
    while not hung.done():
        await asyncio.to_thread(time.monotonic)
        turns += 1
    with pytest.raises((TooMuch, NotRendered)):  # the latter where it was given no processor
        await hung
    assert turns > 20


async def test_an_ordinary_text_takes_at_most_5_ms(rendering: Renderer) -> None:
    """In a process that is warm; the median of a hundred, as the machine has other things to do."""
    body = (
        "Dear {{ account.name or 'customer' }},\n"
        "{% if case.priority == 'High' %}{{ milestone.name }} of {{ case.id }} is due.{% else %}No hurry.{% endif %}\n"
    )
    await rendering.render(body, CONTEXT)
    taken = []
    for _ in range(100):
        begun = time.perf_counter()
        await rendering.render(body, CONTEXT)
        taken.append(time.perf_counter() - begun)
    assert statistics.median(taken) < 0.005


# --- processes come and go ---


async def test_a_process_that_was_killed_is_replaced(rendering: Renderer) -> None:
    """Between two texts, nobody notices."""
    await rendering.render("{{ 1 }}", CONTEXT)
    assert rendering.pid is not None
    os.kill(rendering.pid, signal.SIGKILL)
    assert await rendering.render("{{ case.id }}", CONTEXT) == "c1"


async def test_a_text_whose_process_is_killed_may_be_tried_again(rendering: Renderer) -> None:
    """Nothing is known against it, so it is not condemned."""
    hung = asyncio.create_task(rendering.render(ENDLESS, CONTEXT))

    async def started() -> None:
        assert rendering.pid is not None

    await assert_eventually(started)
    assert rendering.pid is not None
    os.kill(rendering.pid, signal.SIGKILL)
    with pytest.raises(NotRendered, match="was replaced"):
        await hung


async def test_a_process_that_is_stopped_condemns_no_text(rendering: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It got no processor: it is replaced, and its text is rendered by another."""
    await rendering.render("{{ 1 }}", CONTEXT)
    assert rendering.pid is not None
    monkeypatch.setattr(renderer, "WAITS", 3.0)
    os.kill(rendering.pid, signal.SIGSTOP)
    assert await rendering.render("{{ case.id }}", CONTEXT) == "c1"


async def test_a_text_that_is_given_up_leaves_no_answer_behind(rendering: Renderer) -> None:
    """Else the next text would get it."""
    given_up = asyncio.create_task(rendering.render(ENDLESS, CONTEXT))
    waiting = asyncio.create_task(rendering.render("{{ case.id }}", CONTEXT))
    dropped = asyncio.create_task(rendering.render("{{ milestone.name }}", CONTEXT))

    async def started() -> None:
        assert rendering.pid is not None

    await assert_eventually(started)
    dropped.cancel()
    given_up.cancel()
    assert await waiting == "c1"
    assert await rendering.render("{{ case.priority }}", CONTEXT) == "High"


_WORKER = """
import asyncio, sys
from activities.rendering.renderer import Renderer
async def main():
    async with Renderer() as renderer:
        await renderer.render("{{ 1 }}", {})
        print(renderer.pid, flush=True)
        await renderer.render(sys.argv[1], {})
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("template", ["{{ 1 }}", ENDLESS], ids=["idle", "hung"])
async def test_no_process_outlives_a_killed_worker(template: str) -> None:
    """Its input ends with the worker, however that ends; in the midst of a text it ends when that is over time."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _WORKER, template]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as worker:  # noqa: ASYNC220  it is killed
        assert worker.stdout is not None
        pid = int(await asyncio.to_thread(worker.stdout.readline))
        worker.kill()

    async def gone() -> None:
        assert not _runs(pid)

    await assert_eventually(gone)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


# --- before anything fires it ---


def test_apply_refuses_what_takes_too_much() -> None:
    """Each with its place; what only goes wrong with the example's values may go well with others."""
    bodies = ["{{ 'a' * 3000000000 }}", "{{ case.id.ljust(1500000000) }}", "{{ case.priority / 2 }}", "fine"]
    actions = [{"do": "task", "subject": "s", "body": body} for body in bodies]
    milestone = {"name": "Reply", "within": "4h", "triggers": [{"kind": "violation", "actions": actions}]}
    process = {"name": "gold", "milestones": [milestone]}
    catalog = Catalog.model_validate({"fields": {"priority": "string"}, "processes": [process]})
    where = ("processes", 0, "milestones", 0, "triggers", 0, "actions")
    problems = excessive_texts(texts(catalog))
    assert [problem.path for problem in problems] == [(*where, 0, "body"), (*where, 1, "body")]
    assert all("takes more than 256 MB" in problem.message for problem in problems)


def test_the_limits_are_those_that_are_documented() -> None:
    """A second, 256 MB."""
    assert (child.MOST_SECONDS, child.MOST_MEMORY) == (1.0, 256 * 1024 * 1024)


@pytest.mark.parametrize("template", ["", "late", "100 % sure }}", "ü", "a" * 1000])
async def test_a_short_text_without_places_needs_no_process(template: str) -> None:
    """It is what it comes to, as the rendering process would say."""
    async with Renderer() as renderer:
        assert await renderer.render(template, {"case": {"id": "INC1"}}) == template == render(template, {})
        assert renderer.pid is None
