"""python -m bench, and the command denoisebench.

Nothing heavy is imported before a signal and every output are taken care of.
"""

import gc
import sys

from bench.packages import InTheWay, claim, working_directory_last

if __name__ == "__main__":
    working_directory_last()
    claim()  # beside a folder bench/, an editable install is found without its __init__
elif __name__ == "__mp_main__":  # in a worker; `start` of `bench.executors.worker` turns it on again
    gc.disable()

from bench.process import interrupts, streams


def main() -> int:
    """Run the command line as a process of its own, where its packages are the suite's; returns the exit status."""
    interrupts.leave_at_once()
    streams.make_lasting()
    gc.disable()  # what imports make stays: looking for garbage in it, again and again, takes two fifths of `--help`
    try:
        from bench.cli import main as command
    except InTheWay as error:
        print(f"denoisebench: {error}", file=sys.stderr)
        return 2
    finally:
        gc.freeze()
        gc.enable()

    try:
        status = command()
    except interrupts.Interrupted as error:  # while its end was being told
        print(f"denoisebench: interrupted ({error})", file=sys.stderr)
        status = 130
    interrupts.ignore()
    return status if streams.write_out() or status else 1


if __name__ == "__main__":
    sys.exit(main())
