"""Backtests: past cases run through a process before it is promised."""
