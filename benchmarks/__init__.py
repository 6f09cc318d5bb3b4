"""Measurements, each beside its floor: `make bench` (docs/performance.md). No part of the service."""
