"""Try a plugin in a process of its own, and tell what it did there."""
