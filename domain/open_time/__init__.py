"""Open time: windows of a week, the stretches that they make, frozen calendars, and spans counted in them."""
