"""The command `zg`."""
