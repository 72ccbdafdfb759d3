"""Whose code may run: policies, locks, quarantine, and what to look at."""
