"""A network that has learned one style and paints any photo in one pass."""
