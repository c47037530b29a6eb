"""The account: what every run has sent to a host with a key, so that together they keep to its limits.

`store` says what an account can be asked, and what it answers. `embedded` keeps it in one file of this machine by the
rules in `books`; `valkey` keeps it on a server for many machines, by the same rules in `exchange.lua`. `account` is one
session's part in it, and the courier that carries what the session says. How leases work, and why they are safe, is
said in `harness.pacing.leases`.
"""
