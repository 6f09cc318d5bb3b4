"""The vault: keys, seals, signatures and codes."""
