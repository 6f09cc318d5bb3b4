"""Keys, seals, signatures and codes: the only package that imports `cryptography`. It knows no database and no HTTP."""
