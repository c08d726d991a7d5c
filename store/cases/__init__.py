"""What is stored of cases and their actions."""
