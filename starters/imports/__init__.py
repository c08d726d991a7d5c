"""Cases and time entries of other systems, from CSV files: which column is what, and what each row asks for."""
