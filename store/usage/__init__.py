"""What is stored of usage: ledgers, periods, and which entitlements are out of step."""
