"""The terminal room: a program in a pseudo-terminal, its screen, its recording, and the pump that drives it."""
