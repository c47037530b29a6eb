"""`python -m harness`."""

import sys

from harness import signals

if __name__ == "__main__":
    signals.install()
    try:
        from harness.cli import main

        main()
    except KeyboardInterrupt:  # a second one, while the first was being said
        sys.exit(signals.last()[1])
    finally:
        signals.ignore()
