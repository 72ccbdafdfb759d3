"""The commands of `zg` that a service does: `zg --server ADDRESS …`."""
