"""Everything on one machine: `milepost dev`, and where the commands find it."""
