"""`python -m tl`, for launchers that start modules: torchrun ... -m tl finetune RECIPE."""

from __future__ import annotations

from tl.cli.main import main

if __name__ == "__main__":
    main()
