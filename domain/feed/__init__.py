"""The event feed: what happened to cases and entitlements, as typed and versioned records that other systems read."""
