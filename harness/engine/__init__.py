"""The two-phase import: a state machine without IO (`core`), and the trio driver that runs it (`driver`)."""
