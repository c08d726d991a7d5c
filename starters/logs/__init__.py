"""Event logs: their mapping, rows and cases."""
