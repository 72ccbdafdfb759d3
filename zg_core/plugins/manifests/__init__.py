"""Know what plugins offer without importing them."""
