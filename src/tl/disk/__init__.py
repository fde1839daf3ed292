"""Every file that `tl` writes, and every lock: opened within a folder, never through a link, and whole or not there."""
