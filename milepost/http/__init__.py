"""Milepost over HTTP, for programs that have neither Temporal nor a worker at hand: a URL and a key are enough.

    from milepost.http import MilepostHttp

    with MilepostHttp("http://127.0.0.1:8234", key) as milepost:
        answer = milepost.open("4711", account="acme", fields={"priority": "High"})
        milepost.complete_milestone("4711", "First response", by="ann")
        for case in milepost.cases(account="acme", state="open"):
            print(case.case_id, case.due_at)
        milepost.entitlements.take("acme-visits", "V-1", case_id="4711")

What is refused is raised as it is by `milepost.MilepostClient`: `Refused` with its code, `NotFound`, `NoAnswer`. The
types of what is sent and answered are in `milepost.http.models`.
"""

from clients.sending import NoAnswer
from domain.errors import NotFound, Refused
from milepost.http.client import MilepostHttp
from milepost.http.connection import PATIENCE

__all__ = ["PATIENCE", "MilepostHttp", "NoAnswer", "NotFound", "Refused"]
