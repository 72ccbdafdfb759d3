"""What plugins must do, as tests: one class for each kind of thing they offer."""
