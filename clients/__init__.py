"""Asking the workflows: cases, entitlements and migrations."""
