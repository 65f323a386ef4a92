"""Tests of the demo GitHub, spoken to by real HTTP clients and real git."""
