"""``make bench``: the figures of the design's targets, one JSON line each. Measured, never asserted."""
