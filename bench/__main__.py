"""python -m bench"""

import sys

from bench.packages import InTheWay


def main() -> int:
    """The command line, once it is sure that its packages are the suite's; returns the exit status."""
    try:
        from bench.cli import main
    except InTheWay as error:
        print(f"denoisebench: {error}", file=sys.stderr)
        return 2
    return main()


if __name__ == "__main__":
    sys.exit(main())
