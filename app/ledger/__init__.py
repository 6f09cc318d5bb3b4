"""The verification log: who did what on which grounds, provable without reading a victim's name (docs/formats.md §9)."""
