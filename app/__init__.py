"""Paivand: sealed intake and case tracking for reprisals against exiles and their relatives."""
