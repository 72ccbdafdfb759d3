"""Telling the client's own servers what happens to their jobs."""
