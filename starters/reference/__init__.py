"""Pages of the reference of which the facts come from the code: commands and messages."""
