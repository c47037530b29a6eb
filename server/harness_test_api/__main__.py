"""`python -m harness server`."""

import os

from harness_test_api.cli import main

# Whoever starts us may say how that was typed.
main(prog_name=os.environ.get("HARNESS_TEST_API_TYPED", "python -m harness server"))
