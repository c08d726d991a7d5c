"""The workflow of an entitlement."""
