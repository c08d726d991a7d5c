"""What the database itself refuses."""

from domain.errors import MilepostError


class StoreError(MilepostError):
    """The database cannot be used: a bad address, nobody there, or one that a newer Milepost has made."""
