"""`swarmbot demo`: a small GitHub on loopback, a small agent, and the story that is shown with them."""
