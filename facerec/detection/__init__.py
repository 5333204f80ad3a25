"""Finding things in pictures: boxes, their classes and how sure one may be."""
