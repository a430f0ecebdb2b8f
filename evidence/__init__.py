"""Claims about causalsig, each a small program with a name and a result that is written, never typed."""
