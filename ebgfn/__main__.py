"""`python -m ebgfn`: see `ebgfn.cli`."""

import sys

from ebgfn.cli import main

if __name__ == "__main__":
    sys.exit(main())
