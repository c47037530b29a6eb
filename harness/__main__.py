"""`python -m harness`, and the console script `rate-limit-harness`."""

import sys

from harness import signals


def main() -> None:
    """Run the command line in this process, whose signals it takes over, and exit."""
    signals.install()
    try:
        from harness.cli import main

        main()
    except KeyboardInterrupt:  # a second one, while the first was being said
        sys.exit(signals.last()[1])
    finally:
        signals.ignore()


if __name__ == "__main__":
    main()
