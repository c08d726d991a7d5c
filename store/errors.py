"""What the database itself refuses.

StoreError
└── BadAddress    no database can be at that address, now or later
"""

from domain.errors import MilepostError


class StoreError(MilepostError):
    """The database cannot be used: a bad address, nobody there, or one that a newer Milepost has made."""


class BadAddress(StoreError):
    """The address itself is wrong."""
