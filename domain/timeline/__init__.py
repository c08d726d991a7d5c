"""The timeline of a case: a pure state machine over events and time (`domain.timeline.machine`)."""
