"""The workflow of a case."""
