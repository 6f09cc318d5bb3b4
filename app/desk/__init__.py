"""The caseworkers' face: HTTP only; what a signed-in member's own keys open."""
