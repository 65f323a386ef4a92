"""swarmbot: comment `/agent fix`, get a pull request."""

__version__ = "0.1.0"
