"""Models that run on this machine: which there are, and how they get here."""
