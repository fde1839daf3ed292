"""`python -m tl`, for launchers that start modules: torchrun ... -m tl finetune RECIPE.

`python -m` looks for modules in the working folder first, which may be a stranger's: a yaml.py there would be run. The
launchers give `python` no -P, so the folder is left out here, before anything else is imported. A working
folder that was removed is not looked into by `python -m` either.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

if __name__ == "__main__":
    with suppress(FileNotFoundError):
        if not sys.flags.safe_path and sys.path[0] == os.getcwd():
            del sys.path[0]

    from tl.cli.main import main

    main()
