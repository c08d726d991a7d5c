"""What the database itself refuses.

StoreError
├── BadAddress    no database can be at that address, now or later
└── NothingThere  nobody has made the database, or its tables, yet
"""

from domain.errors import MilepostError


class StoreError(MilepostError):
    """The database cannot be used: a bad address, nobody there, or one that a newer Milepost has made."""


class BadAddress(StoreError):
    """The address itself is wrong."""


class NothingThere(StoreError):
    """There is no database yet, or none of its tables."""
