"""Cases: words, dates and records."""
