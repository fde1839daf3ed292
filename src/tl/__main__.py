"""`python -m tl`, for launchers that start modules: torchrun ... -m tl finetune RECIPE.

`python -m` looks for modules in the working folder first, which may be a stranger's: a yaml.py there would be run. The
launchers give `python` no -P, so the folder is left out here, before anything else is imported.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    if not sys.flags.safe_path and sys.path[0] == os.getcwd():
        del sys.path[0]

    from tl.cli.main import main

    main()
