"""The import as a state machine: no IO, no clock, no async. `core` is the machine; the others are its parts."""
