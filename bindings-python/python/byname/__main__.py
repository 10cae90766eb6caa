"""The command `byname`, as the installed script and as `python -m byname`."""

import sys

from byname._byname import _command  # type: ignore[import-not-found]


def main() -> int:
    return _command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
