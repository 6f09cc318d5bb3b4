"""Reports: receive, admit, triage, and the letters between source and team."""
