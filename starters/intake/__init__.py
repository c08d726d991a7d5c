"""Intake from other systems: a delivery is kept, placed and taken, and what can't be taken is put aside."""
