"""What travels between clients, workflows and activities, as JSON on the wire."""
