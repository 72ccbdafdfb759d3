"""Find plugins, and decide which of them may be loaded; none of their code runs."""
