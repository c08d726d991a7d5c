"""Actions of cases and entitlements: one dispatcher, a module for each kind, and what kinds have in common."""
