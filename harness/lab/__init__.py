"""Experiments: the same core against the server's own policies, in process, without an event loop."""
