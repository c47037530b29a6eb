"""Run a core for real: the trio driver and its flusher, control from other processes, planning and checking."""
