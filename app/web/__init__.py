"""What the faces share: dependencies, the permission gate, headers, limits, sessions, refusals."""
