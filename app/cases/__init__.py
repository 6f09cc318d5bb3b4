"""Cases: exiles, their relatives, what was done to them, and the words for it."""
