"""causalsig as a vantage6 algorithm: it carries the command and its files, not knowing what is in them."""
