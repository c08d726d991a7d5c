"""What the database itself refuses.

StoreError
├── BadAddress    no database can be at that address, now or later
└── NothingThere  nobody has made the database, or its tables, yet

Refused
└── Unstorable    what is to be written is at fault, not the database: tried again, it is refused again
"""

from domain.errors import MilepostError, Refused

_OF_A_ROW = ("22", "54")
"""Classes of SQLSTATE: data exceptions, and what is over a limit of the program."""


class StoreError(MilepostError):
    """The database cannot be used: a bad address, nobody there, or one that a newer Milepost has made."""


class BadAddress(StoreError):
    """The address itself is wrong."""


class NothingThere(StoreError):
    """There is no database yet, or none of its tables."""


class Unstorable(Refused):
    """A row that the database never takes, or a value that it cannot compare: no other row fares worse for it."""

    def __init__(self, said: str) -> None:
        super().__init__("refused", f"the database does not take this: {said}")


def is_of_a_row(state: str | None) -> bool:
    """Whether an error with this SQLSTATE is the fault of what was to be written."""
    return state is not None and state.startswith(_OF_A_ROW)
