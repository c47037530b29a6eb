"""Past one process: what several processes, or several machines, do together."""
