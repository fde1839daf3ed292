"""A few rounds of each drill in one process, on shorter runs: python -m tests.faults.bounded.

What the drills share is paid for once: the imports, and for each story a run that nothing happens to.
"""

from __future__ import annotations

from tests.faults import cache_drill, disk_drill, kill_drill, pause_drill


def main() -> None:
    kill_drill.prepare()
    kill_drill.STEPS = 30
    for story in kill_drill.STORIES:
        print(f"kill, {story}: {dict(kill_drill.drill(story, 1, 0))}", flush=True)
    with disk_drill.small_disk() as disk:
        print(f"disk, text: {dict(disk_drill.drill('text', 2, 0, disk))}", flush=True)
    print(f"cache, image: {dict(cache_drill.drill('image', 2, 0))}", flush=True)
    print(f"pause, text: {dict(pause_drill.drill('text', 3, 0))}", flush=True)


if __name__ == "__main__":
    main()
