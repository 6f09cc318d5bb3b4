"""Suggestions: which cases a report may belong to, and why. Pure functions that never link, merge or store anything."""
