"""What each report says: columns, rows, the finding in words, and what is counted."""
