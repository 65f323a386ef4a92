"""Speaks to GitHub: `app` signs in, `reader` asks, `writer` says. Knows nothing of jobs."""
