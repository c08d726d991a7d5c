"""The ways in: command line, Python client, event logs."""
