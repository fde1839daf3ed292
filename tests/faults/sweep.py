"""For every n, the n-th call of one kind in a short run is refused, or cut short, or the run's last.

As SQLite is tested: python -m tests.faults.sweep. A small library made here (refusing.c), which is loaded before all
others, does it to writes, syncs, renames and opens of files below the run and its cache, whichever library makes them,
and to allocations. The run is one of `tl finetune`, forked from a process that has imported everything. It must end in
one sentence or come to its end, and what is resumed, or begun anew where no run was there yet, must end as the
undisturbed run, bit for bit.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.kill_drill import forked, prepare, run_in, same

OPEN, WRITE, SYNC, RENAME, ALLOCATION = range(1, 6)
ONCE, SHORT, TORN, DEATH = range(4)
DEAD = 99
ABORTED = -signal.SIGABRT  # a library in Rust or C++ that gets no memory ends its process, and says so itself
NEVER = 2**40
ENDS = 0, 1, 2
RECIPE = [
    *("data=tiny_sentences", "data.n=40", "backbone=tiny_text", "freeze=gradual", "freeze.every=2step", "loop.batch=8"),
    *("loop.device_batch=8", "loop.length=4step", "loop.eval_every=2step", "loop.log_every=2step"),
    *("loop.save_every=2step", "loop.ema=0.9", "loop.bootstrap=2", "loop.device=cpu", "cache.use=always"),
]


@dataclass(frozen=True)
class Fault:
    """What happens to the n-th call of a kind: it is refused with an error number, ONCE, or as the others below."""

    kind: int
    happens: int = ONCE
    number: int = errno.EIO
    least: int = 0  # bytes; smaller allocations are not counted


FAULTS = {
    "write, refused": Fault(WRITE, number=errno.ENOSPC),
    "write, cut short": Fault(WRITE, SHORT),
    "write, cut short and refused from there on": Fault(WRITE, TORN, errno.ENOSPC),
    "write, killed there": Fault(WRITE, DEATH),
    "sync, refused": Fault(SYNC),
    "sync, killed there": Fault(SYNC, DEATH),
    "rename, refused": Fault(RENAME),
    "rename, killed there": Fault(RENAME, DEATH),
    "open, refused": Fault(OPEN, number=errno.EMFILE),
    "open, killed there": Fault(OPEN, DEATH),
    "allocation of 4 kB and more, refused": Fault(ALLOCATION, number=errno.ENOMEM, least=4096),
}


def built(folder: Path) -> Path:
    """The library that refuses calls."""
    made = folder / "refusing.so"
    source = Path(__file__).with_name("refusing.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return made


class Sweep:
    """Runs of one recipe below folders of their own, compared with one that nothing happened to."""

    def __init__(self, library: Path, root: Path) -> None:
        self.library, self.root = ctypes.CDLL(str(library)), root.resolve()
        self.library.disarm.restype = ctypes.c_long
        self.whole = self.root / "whole"
        code, said, _ = self.ran(self.whole, None, 0)
        assert code == 0, said

    def ran(self, place: Path, fault: Fault | None, at: int, *, resume: Path | None = None) -> tuple[int, str, int]:
        """The exit code of a run, what it said of errors, and how often the fault's call was made."""
        place.mkdir(parents=True, exist_ok=True)
        said = self.root / f"said.{place.name}"  # a name that begins as the place's would be refused too
        child = forked(self._work(place, fault, at, said, resume))
        _, status = os.waitpid(child, 0)
        text, told, calls = said.read_text(errors="replace").rpartition("\n#")
        said.unlink()
        return os.waitstatus_to_exitcode(status), text if told else calls, int(calls) if told else -1

    def _work(self, place: Path, fault: Fault | None, at: int, said: Path, resume: Path | None) -> Callable[[], object]:
        def work() -> None:
            from tl.cli.main import main

            words = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(words, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            new = ["base", *RECIPE, f"cache.folder={place / 'cache'}", "--runs", str(place)]
            sys.argv = ["tl", "finetune", *(["--resume", str(resume)] if resume else new)]
            code = 0
            if fault is not None:
                self.library.arm(
                    str(place).encode(), fault.kind, fault.happens, ctypes.c_long(at), fault.number,
                    ctypes.c_long(fault.least),
                )  # fmt: skip
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                calls = self.library.disarm() if fault is not None else 0
            sys.stderr.flush()
            os.write(2, f"\n#{calls}".encode())
            os._exit(code)

        return work

    def calls(self, fault: Fault) -> int:
        """How often the undisturbed run makes the call."""
        place = self.root / "counted"
        code, said, calls = self.ran(place, fault, NEVER)
        shutil.rmtree(place)
        assert code == 0, said
        return calls

    def one(self, fault: Fault, at: int) -> str:
        """What the fault at the n-th call came to; AssertionError unless the words and the resumed run are right."""
        place = self.root / "one"
        code, said, _ = self.ran(place, fault, at)
        dead = (fault.happens == DEATH and code == DEAD) or (fault.kind == ALLOCATION and code == ABORTED)
        assert dead or code in ENDS, (code, said)
        assert dead or "Traceback" not in said, said
        assert dead or not code or said.strip(), "the refusal was not told"
        run = run_in(place)
        done = run is not None and json.loads((run / "meta.json").read_text())["status"] == "done"
        assert done or code, "the run ended with 0, but is not done"
        if not done:
            again, words, _ = self.ran(place, None, 0, resume=run)
            assert again == 0, ("the run could not go on", again, words)
            run = run_in(place)
        reference = run_in(self.whole)
        assert run is not None, "there is no run"
        assert reference is not None
        assert same(reference, run), ("the run ended otherwise", code, said)
        assert not list(run.rglob("*.part")), "a temporary file was left behind"
        shutil.rmtree(place)
        if dead:
            return "killed, resumed bit-equal"
        return "in a sentence, resumed bit-equal" if code else "went on to its end bit-equal"


def swept(names: Sequence[str], every: int, library: Path, root: Path) -> bool:
    """Sweep through the calls of each fault, taking every so-manieth; prints the counts, and each n that went wrong."""
    prepare()
    sweep, good = Sweep(library, root), True
    for name in names:
        fault, ends = FAULTS[name], Counter[str]()
        calls = sweep.calls(fault)
        for at in range(1, calls + 1, every):
            try:
                ends[sweep.one(fault, at)] += 1
            except AssertionError as error:
                ends["WRONG"], good = ends["WRONG"] + 1, False
                print(f"  {name}, n={at}: {error}", flush=True)
                shutil.rmtree(root / "one", ignore_errors=True)
        print(f"{name}: {ends.total()} of {calls} calls; {dict(ends)}", flush=True)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take only every so-manieth call")
    parser.add_argument("--fault", choices=FAULTS, nargs="+", default=list(FAULTS))
    parser.add_argument("--library", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.library is None:
            library = built(folder)
            command = [sys.executable, "-m", "tests.faults.sweep", *sys.argv[1:], "--library", str(library)]
            sys.exit(subprocess.run(command, env=os.environ | {"LD_PRELOAD": str(library)}, check=False).returncode)
        sys.exit(0 if swept(chosen.fault, chosen.every, chosen.library, folder) else 1)


if __name__ == "__main__":
    main()
