"""Putting a collection in order: the health of a gallery, photos by person, copies of one picture."""
