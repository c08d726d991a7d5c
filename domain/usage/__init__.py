"""What an entitlement still has: allowances, periods, takings and what time brings to them."""
