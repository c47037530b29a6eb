"""`python -m harness`."""

import sys

try:
    from harness.cli import main
except KeyboardInterrupt:  # while it was still loading: there is nothing to stop
    sys.exit(130)

if __name__ == "__main__":
    main()
