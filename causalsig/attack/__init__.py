"""What somebody could find out from what leaves: every attack of the disclosure handbook, replayed.

On invented municipalities only: the truth is needed to say whether a guess is right. Each attack is a module
that says what the attacker knows, what is guessed, and what chance would give; with everything on it reads
released documents, and with it off numbers that are made here, in memory, and written nowhere.
"""
