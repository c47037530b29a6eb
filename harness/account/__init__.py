"""The account: what every run has sent to a host with a key, so that together they keep to its limits.

`store` says what an account can be asked, and what it answers; `embedded` keeps it in one file of this machine, `valkey`
on a server for many machines. `opening` finds the one that a run belongs to, and `courier` carries what a run says to
it. The rules of leasing, and why they are safe, are in `harness.pacing.leases`.
"""
