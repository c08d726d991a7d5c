"""What reports are made from: written with the record of each case, and read without writing anything."""
