"""What every way in offers, once: verify, order, take, change, audit, preview."""
