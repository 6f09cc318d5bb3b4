"""The auditors' face: opens ledger entries, never a report."""
