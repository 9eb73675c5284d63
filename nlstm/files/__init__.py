"""Arrays and whole models in files."""
