"""Side effects: opening a case, usage, the kinds of action, records."""
