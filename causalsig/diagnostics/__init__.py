"""May it be believed: overlap, balance, and the gates that decide before any effect is computed."""
