"""Tests: real SQLite files, real crypto, real browser."""
