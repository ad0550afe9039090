"""Where reflections come from: the database, its schema, and what is read into it."""
