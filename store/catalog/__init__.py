"""The catalog as it is stored: applied, read, searched."""
