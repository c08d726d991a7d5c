"""The workflow of a subscription to the event feed."""
