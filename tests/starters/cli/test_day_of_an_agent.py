"""The day of an agent: ten cases on business hours, handled by the command line and what it prints.

It is about noon of the last open day of a week. A weekend follows it, and a holiday after that. The commands stand as
on a page of the documentation, with what they print; dates are put in when they are run.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from starters.files.catalogs import apply_files
from store import Store
from tests.docs.reader import a_reader
from tests.support import unique
from worker.connection import connect
from worker.namespace import ensure_namespace_and_search_attributes, register_namespace
from worker.process import working

NOON = 12
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NEXT_OPEN = 4
"""Days from today to the next open one: two of a weekend and a holiday lie between."""

CATALOG = """
organisation: {{time_zone: {zone}, process: Support}}
fields: {{priority: string, owner: string}}
business_hours:
  - name: Office
    time_zone: {zone}
    week: {{{week}}}
    holidays: {{add: [{holiday}]}}
processes:
  - name: Support
    business_hours: Office
    milestones:
      - {{name: First response, within: 2h}}
      - {{name: Resolution, within: [{{when: case.priority == "High", span: 4h}}, {{span: 16h}}]}}
accounts: [{{id: acme}}, {{id: globex}}]
entitlements:
  - {{id: SUPPORT, account: acme, process: Support}}
  - {{id: BANK, account: acme, allowance: {{unit: hours, cap: 1, overflow: prompt, overage_price: 80 EUR}}}}
  - {{id: ONE, account: globex, process: Support, allowance: {{unit: cases, cap: 0, overflow: prompt}}}}
"""


def zone_of_noon() -> str:
    """A zone without summer time in which the clock shows between 12:00 and 13:00; once a day that is UTC itself."""
    ahead = NOON - datetime.now(UTC).hour
    return "Etc/GMT" if ahead == 0 else f"Etc/GMT{-ahead:+d}"  # these names count westwards


def catalog(zone: str, today: date) -> str:
    """What is promised: five open days of which today is the last one, and a holiday after the weekend."""
    open_days = [DAYS[(today - timedelta(days=ago)).weekday()] for ago in range(5)]
    week = ", ".join(f'{day}: ["09:00-17:00"]' for day in open_days)
    return CATALOG.format(zone=zone, week=week, holiday=today + timedelta(days=NEXT_OPEN - 1))


def filled_in(page: str, zone: str, today: date) -> str:
    """A page with the dates of this day."""
    days = {
        "YESTERDAY": -1,
        "TODAY": 0,
        "SATURDAY": 1,
        "SUNDAY": 2,
        "HOLIDAY": NEXT_OPEN - 1,
        "NEXT": NEXT_OPEN,
        "AFTER": NEXT_OPEN + 1,
    }
    for name, ahead in days.items():
        page = page.replace(name, f"{today + timedelta(days=ahead):%a %Y-%m-%d}")
    return page.replace("ZONE", zone)


async def test_ten_cases_by_the_command_line_alone(client: Client, tmp_path: Path) -> None:
    """Opened, listed, completed by late news, cleared, extended, stopped, closed and taken up again, worked on."""
    zone = zone_of_noon()
    today = (datetime.now(UTC) + timedelta(hours=NOON - datetime.now(UTC).hour)).date()
    (tmp_path / "catalog.yaml").write_text(catalog(zone, today))
    reader = a_reader(tmp_path)
    there = await connect(address=client.service_client.config.target_host, namespace=unique("day"))
    await register_namespace(there)
    await ensure_namespace_and_search_attributes(there)
    reader.environment |= {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": there.namespace,
        "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
    }
    with Store.open(reader.environment["MILEPOST_DATABASE_URL"]) as store:
        apply_files(store, [tmp_path / "catalog.yaml"], by="test")
        async with working(there, store, task_queue="milepost"):
            for _, differs in await asyncio.to_thread(lambda: list(reader.does(filled_in(DAY, zone, today)))):
                raise differs


DAY = r"""
The cases, three of them due after the weekend and the holiday.

```console
$ milepost open DAY-1 --account acme -f owner=ann -f priority=High --opened-at "today 09:05"
milepost: --opened-at today 09:05 is TODAY 09:05 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-1: open violation
  First response: running, target TODAY 11:05 ZONE, ... over
  Resolution: running, target TODAY 13:05 ZONE, ... left
$ milepost open DAY-2 --account acme -f owner=ann -f priority=Low --opened-at 11:40
milepost: --opened-at 11:40 is TODAY 11:40 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-2: compliant
  First response: running, target TODAY 13:40 ZONE, ... left
  Resolution: running, target AFTER 11:40 ZONE, ... left
$ milepost open DAY-3 --account acme -f owner=ann -f priority=Low --opened-at "yesterday 15:30"
milepost: --opened-at yesterday 15:30 is YESTERDAY 15:30 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-3: open violation
  First response: running, target TODAY 09:30 ZONE, ... over
  Resolution: running, target NEXT 15:30 ZONE, ... left
$ milepost open DAY-4 --account acme -f owner=ann -f priority=Low --opened-at 07:30
milepost: --opened-at 07:30 is TODAY 07:30 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-4: open violation
  First response: running, target TODAY 11:00 ZONE, ... over
  Resolution: running, target NEXT 17:00 ZONE, ... left
$ milepost open DAY-5 --account acme -f owner=bo -f priority=Low --opened-at 11:20
milepost: --opened-at 11:20 is TODAY 11:20 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-5: compliant
  First response: running, target TODAY 13:20 ZONE, ... left
  Resolution: running, target AFTER 11:20 ZONE, ... left
$ milepost open DAY-6 --account acme -f owner=bo -f priority=High --opened-at 11:15
milepost: --opened-at 11:15 is TODAY 11:15 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-6: compliant
  First response: running, target TODAY 13:15 ZONE, ... left
  Resolution: running, target TODAY 15:15 ZONE, ... left
$ milepost open DAY-7 --account acme -f owner=bo -f priority=Low --opened-at 11:30
milepost: --opened-at 11:30 is TODAY 11:30 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-7: compliant
  First response: running, target TODAY 13:30 ZONE, ... left
  Resolution: running, target AFTER 11:30 ZONE, ... left
$ milepost open DAY-8 --account acme -f owner=bo -f priority=High --opened-at 11:50
milepost: --opened-at 11:50 is TODAY 11:50 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-8: compliant
  First response: running, target TODAY 13:50 ZONE, ... left
  Resolution: running, target TODAY 15:50 ZONE, ... left
$ milepost open DAY-9 --account acme -f owner=bo -f priority=Low --opened-at 11:55
milepost: --opened-at 11:55 is TODAY 11:55 ZONE
covered by SUPPORT, which matches by its account
  not BANK: it has no process, 'SUPPORT' has 'Support'
case DAY-9: compliant
  First response: running, target TODAY 13:55 ZONE, ... left
  Resolution: running, target AFTER 11:55 ZONE, ... left
$ milepost open DAY-10 --account globex -f owner=ann --opened-at 11:58
milepost: --opened-at 11:58 is TODAY 11:58 ZONE
waits for a decision on one more of ONE, which matches by its account; 0 of 0 cases left
case DAY-10: nothing promised, in no process
  to decide: entitlement ONE has nothing left (0 of 0): one more? Decide until ...; after that it counts as no
$ milepost list --owner ann | tr -s ' '
case account owner priority due next left due at
─...
DAY-3 acme ann Low First response ... over TODAY 09:30 violated
DAY-4 acme ann Low First response ... over TODAY 11:00 violated
DAY-1 acme ann High First response ... over TODAY 11:05 violated
DAY-2 acme ann Low First response ... TODAY 13:40
DAY-10 globex ann nothing
5 open cases, ... (ZONE; time left is open time)
```

What was done already, as it becomes known: in time after all, ten minutes ago, late, and in the wrong case.

```console
$ milepost complete DAY-1 "first response" --at 10:50
milepost: --at 10:50 is TODAY 10:50 ZONE
First response: the violation at TODAY 11:05 ZONE is corrected: completed in time at TODAY 10:50 ZONE
First response completed in time, target TODAY 11:05 ZONE
case DAY-1: compliant
  Resolution: running, target TODAY 13:05 ZONE, ... left
$ milepost complete DAY-2 "first response" --at -10m
milepost: --at -10m is ... ZONE
First response completed in time, target TODAY 13:40 ZONE
case DAY-2: compliant
  Resolution: running, target AFTER 11:40 ZONE, ... left
$ milepost complete DAY-3 "first response" --at 09:45
milepost: --at 09:45 is TODAY 09:45 ZONE
First response completed late, target TODAY 09:30 ZONE
case DAY-3: closed violation
  Resolution: running, target NEXT 15:30 ZONE, ... left
$ milepost complete DAY-4 "first response" --at 09:20
milepost: --at 09:20 is TODAY 09:20 ZONE
First response: the violation at TODAY 11:00 ZONE is corrected: completed in time at TODAY 09:20 ZONE
First response completed in time, target TODAY 11:00 ZONE
case DAY-4: compliant
  Resolution: running, target NEXT 17:00 ZONE, ... left
$ milepost clear DAY-4 "first response" --reason "the wrong case"
the completion of First response is cleared
First response violated at TODAY 11:00 ZONE
case DAY-4: open violation
  First response: running, target TODAY 11:00 ZONE, ... over
  Resolution: running, target NEXT 17:00 ZONE, ... left
$ milepost explain DAY-4 "First response" | tr -s '\n ' ' ' | grep -o 'the completion [^.]*[.]' | sed -E 's/Z| \(.+\)//'
the completion of TODAY 09:20 by ann, in time, was taken back by ann, "the wrong case".
$ milepost show DAY-4 --notes | grep "is cleared" | tr -s ' '
 9 ... ZONE the completion of First response is cleared ann the wrong case
$ milepost complete DAY-5 "First respons"
milepost: unknown milestone 'First respons'; process 'Support' has: First response, Resolution
$ echo $?
2
```

More time, by open time: it goes past the weekend and the holiday.

```console
$ milepost extend DAY-3 resolution 8h --reason "agreed by phone"
Resolution extended by 8h of open time, target AFTER 15:30 ZONE
case DAY-3: closed violation
  Resolution: running, target AFTER 15:30 ZONE, ... left
$ milepost explain DAY-3 Resolution | grep -A 6 Counted
  Counted     open time                                       open   in all
              YESTERDAY  15:30 - 17:00                  1h30m    1h30m
              TODAY  09:00 - 17:00                     8h    9h30m
              SATURDAY and SUNDAY  closed every week
              HOLIDAY  closed: a holiday or a date off (otherwise 09:00-17:00)
              NEXT  09:00 - 17:00                     8h   17h30m
              AFTER  09:00 - 15:30                  6h30m      24h
```

Closed too early, and a clock that stands for a while.

```console
$ milepost close DAY-6
the case is closed
the case left process 'Support'
case DAY-6: compliant, closed
$ milepost reopen DAY-6
the case is reopened, and counts on from ... ZONE
case DAY-6: compliant
  First response: running, target ... ZONE, ... left
  Resolution: running, target ... ZONE, ... left
$ milepost stop DAY-7 --reason "waits for a part"
the clock of the case is stopped
First response paused: case stopped
Resolution paused: case stopped
case DAY-7: compliant, clock stopped
  First response: paused, target TODAY 13:30 ZONE, ... left
  Resolution: paused, target AFTER 11:30 ZONE, ... left
$ milepost list --paused | tr -s ' '
case account owner priority due next left due at
─...
DAY-7 acme bo Low First response ... TODAY 13:30 clock stopped
1 open case, ... (ZONE; time left is open time)
$ milepost resume DAY-7
the clock of the case goes on
First response runs again, target ... ZONE
Resolution runs again, target ... ZONE
case DAY-7: compliant
  First response: running, target ... ZONE, ... left
  Resolution: running, target ... ZONE, ... left
```

What was worked, what it costs, and who pays.

```console
$ milepost log-time DAY-8 T-1 1h30m --worked-at 11:55
milepost: --worked-at 11:55 is TODAY 11:55 ZONE
entitlement BANK: prompt, 1 hour taken, 0.5 hours beyond the cap, 0 hours left
bill 0.5 hours of time entry T-1 beyond the cap of entitlement BANK, at 80 EUR an hour? Decide ...
$ milepost decide DAY-8 yes --entry T-1 --reason "agreed by phone"
0.5 hours of time entry T-1 beyond the cap of entitlement BANK, at 80 EUR an hour: approved, agreed by phone
case DAY-8: compliant
  First response: running, target TODAY 13:50 ZONE, ... left
  Resolution: running, target TODAY 15:50 ZONE, ... left
$ milepost change DAY-9 --field priority=High
priority is 'High'
its span changed: Resolution has 4h, target AFTER 11:55 ZONE moves to TODAY 15:55 ZONE
case DAY-9: compliant
  First response: running, target TODAY 13:55 ZONE, ... left
  Resolution: running, target TODAY 15:55 ZONE, ... left
$ milepost decide DAY-10 no --reason "they will renew"
the case goes over to no entitlement
the case entered process 'Support', version 1
First response starts with 2h, target ... ZONE
row 1 of Resolution counts as false: the field 'priority' is not set
Resolution starts with 16h, target ... ZONE
no entitlement covers it
  not ONE: one more of it was declined
case DAY-10: compliant
  First response: running, target ... ZONE, ... left
  Resolution: running, target ... ZONE, ... left
```

What is left for the others.

```console
$ milepost list --violated --limit 1 2> more | tail -1
the first 1 of 2 open cases, ... (ZONE; time left is open time)
$ cat more
milepost: there are more than these 1; narrow them down, or give --limit
$ milepost list --violated | tr -s ' '
case account owner priority due next left due at
─...
DAY-4 acme ann Low First response ... over TODAY 11:00 violated
DAY-3 acme ann Low Resolution ... AFTER 15:30 violated
2 open cases, ... (ZONE; time left is open time)
$ milepost list --due-within 5h --milestone resolution | tr -s ' '
case account owner priority due next left due at
─...
DAY-1 acme ann High Resolution ... TODAY 13:05
DAY-6 acme bo High Resolution ...
DAY-8 acme bo High Resolution ... TODAY 15:50
DAY-9 acme bo High Resolution ... TODAY 15:55
4 open cases, ... (ZONE; time left is open time)
$ milepost show DAY-2 | tr -s ' ' | sed -E 's/^ [0-9:]+ (First response completed)/ \1/'
Case DAY-2 Support v1 compliant
account acme, covered by SUPPORT
opened TODAY 11:40, now ... (ZONE; spans are open time)
next Resolution: violation AFTER 11:40, in ... by the wall clock
fields owner=ann priority=Low


 milestone state start target elapsed paused left
 ─...
 First response completed TODAY 11:40 TODAY 13:40 ... -
 2h of Office
 Resolution running TODAY 11:40 AFTER 11:40 ... - ...
 16h of Office


 TODAY 11:40 case opened
 11:40 covered by SUPPORT, which matches by its account. Not BANK: it has no process, 'SUPPORT' has
 'Support'
 11:40 First response starts, 2h of Office
 11:40 Resolution starts, 16h of Office
 First response completed by ann, in time in ...
 AFTER 11:40 Resolution next: violation
```
"""
