"""Files that people write: catalogs as YAML."""
