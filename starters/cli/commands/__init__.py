"""The commands, one idea a module. Each imports what it needs when it runs, so that `--help` answers at once."""
