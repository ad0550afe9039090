"""Changes of the reflections tables, one file per change in `versions/`; see `migrate`."""
