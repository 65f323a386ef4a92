"""The web server: takes webhooks, tells whether it lives."""
