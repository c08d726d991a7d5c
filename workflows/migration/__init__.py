"""The workflow of a migration."""
