"""The catalog: what an organisation declares, read, checked whole and compared with what stands."""
