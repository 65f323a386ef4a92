"""Tests of the workspace room: real git over HTTP, no fake."""
