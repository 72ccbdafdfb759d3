"""Doing a run: what an engine and the steps of its runs stand on."""
