"""The worker process: settings, the connection to Temporal, registration, and a server of its own where none runs."""
