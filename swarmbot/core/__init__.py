"""Decisions: no I/O, no clock, no randomness. Everything here can be called in a test with plain values."""
