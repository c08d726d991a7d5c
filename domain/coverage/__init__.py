"""Coverage: which entitlement a case is covered by, and for every other one why not."""
