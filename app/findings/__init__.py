"""Findings: what we say of one act, on which statements it stands, and how far it is supported."""
