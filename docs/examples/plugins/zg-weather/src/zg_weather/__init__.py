"""Tell the weather of a city."""
