"""Who works here: founding, accounts, sign-in, sessions, and the one table of permissions."""
