"""A tool that counts words, and an agent that uses it."""
