"""The durable run of a log through real workflows, and the demo."""
