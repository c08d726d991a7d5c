"""Pages of the reference that are written from the code, so that they never say otherwise than it."""
