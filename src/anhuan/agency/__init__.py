"""The edge for outside agencies: they ask at the same door as everybody, by JSON, and tell what became of it."""
