"""Orders: what a customer has ordered, and the contract, line items and entitlements that are made of it."""
