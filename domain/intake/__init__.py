"""Intake: whether a delivery is genuine, what it says, and what of it is news. Pure."""
