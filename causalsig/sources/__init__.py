"""How a provider's data is read: canonical tables, their checks, and one adapter a format."""
