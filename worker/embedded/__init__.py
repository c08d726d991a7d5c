"""A real Temporal server on any machine, for the demo, for development and for the tests."""
