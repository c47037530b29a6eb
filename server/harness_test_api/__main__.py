"""`python -m harness server`."""

from harness_test_api.cli import main

main(prog_name="python -m harness server")
