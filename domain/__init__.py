"""The rules of the engine, pure: no clock, no I/O, no Temporal."""
