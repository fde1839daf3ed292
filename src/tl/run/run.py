"""The run folder, and the only code that writes into it: each file is written beside its name, then renamed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tl.boundary.foreign import reading
from tl.boundary.visible import visible, visible_line
from tl.disk.folder import Folder
from tl.disk.lock import Lock, NoLocks, is_free, take
from tl.errors import Stopped, TLError, Unwritable, nearest
from tl.recipe.weights import RUN_META, RUN_MODEL, RUN_RECIPE
from tl.run.checkpoint import Checkpoint, Checkpoints
from tl.run.disk import check_unicode, writing
from tl.run.schema import META as SHAPES
from tl.run.schema import FileValues, check_links, damaged_error, read_facts, read_json

if TYPE_CHECKING:
    from torch import Tensor

RECIPE, META, METRICS, LOG = RUN_RECIPE, RUN_META, "metrics.jsonl", "log.txt"
CHECKPOINTS, LOCK = "checkpoints", ".lock"
_LOCK_PATIENCE = 0.5


class Listener(Protocol):
    """Is told how a run goes; the command line implements it by printing."""

    def begins(self, metric: str, unit: str) -> None:
        """A run begins; `metric` picks its best weights, and its inputs are counted in `unit`s (images or tokens)."""

    def phase(self, name: str, first: int, last: int, learning: list[str]) -> None:
        """A phase begins at step `first` and lasts at most until `last`."""

    def step(self, step: int, size: int) -> None:
        """A step is done; `size` counts the images or real tokens that it took in."""

    def values(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """Numbers were logged."""

    def note(self, text: str) -> None:
        """A line that the user should see."""


class Run:
    """A run folder. On every process but the first, `writes` is False, and the methods that write do nothing."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes
        self._checkpoints = Checkpoints(path / CHECKPOINTS)

    @classmethod
    def create(cls, root: Path, name: str, recipe: Mapping[str, Any], meta: Mapping[str, Any]) -> Run:
        """A run in a new folder `root`/`name`/<stamp>; a folder that exists is never used."""
        from tl.recipe.yamlfile import dump

        check_unicode(root)
        now = datetime.now(UTC)
        stamp = now.strftime("%Y-%m-%d_%H-%M-%S")
        for attempt in range(1000):
            path = root / name / (f"{stamp}_{attempt}" if attempt else stamp)
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise TLError(f"{path}: cannot be made ({error.strerror}): give another folder with --runs.") from error
            try:
                with writing(path, ", or give another folder with --runs."):
                    created = {"created": now.isoformat(timespec="seconds"), "status": "running"}
                    with Folder.at(path) as folder:
                        folder.write_whole(RECIPE, _utf8(dump(dict(recipe))))
                        folder.write_whole(META, _utf8(_json({**meta, **created})))
            except Unwritable:
                with suppress(OSError), Folder.at(path.parent) as around:
                    around.remove(path.name)
                raise
            return cls(path)
        raise TLError(f"{root / name} already holds a thousand runs of this second.")

    @classmethod
    def open(cls, path: Path, writes: bool = False) -> Run:
        """The run in an existing folder; TLError where the folder holds no run."""
        check_unicode(path)
        if not (path / META).is_file() or not (path / RECIPE).is_file():
            raise TLError(f"'{path}' is no run: it holds no {META} and {RECIPE}.{_instead_of(path)}")
        if writes:
            check_links(path)
        return cls(path, writes)

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file as a whole: it is either the old or the new file afterwards, even if the machine stops."""
        if not self.writes:
            return
        with self._writing(name), self._folder_of(name) as folder:
            folder.write_whole(Path(name).name, _utf8(content) if isinstance(content, str) else content)

    @contextmanager
    def _folder_of(self, name: str) -> Iterator[Folder]:
        """The open folder of a file of the run; folders within the run are made, and are no links."""
        with ExitStack() as stack:
            folder = stack.enter_context(Folder.at(self.path))
            for part in Path(name).parent.parts:
                folder = stack.enter_context(folder.within(part, make=True))
            yield folder

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        with writing(self.path / name, f", then: tl finetune --resume {self.path}"):
            yield

    def write_json(self, name: str, content: Any) -> None:
        self.write(name, _json(content))

    def read_json(self, name: str) -> Any:
        """The content of a JSON file of the run; TLError where it is missing or damaged."""
        return read_json(self.path / name)

    @property
    def meta(self) -> FileValues:
        """The facts in meta.json; TLError where the file is damaged, or lacks a fact that is asked for."""
        meta = read_facts(self.path / META, SHAPES)
        if "status" not in meta:
            raise damaged_error(self.path / META)
        return meta

    @contextmanager
    def recording_status(self) -> Iterator[None]:
        """A context that records the run's status and duration, whichever way the run ends.

        TLError while another process trains the run. A killed process leaves the status `running` without the lock.
        """
        if not self.writes:
            yield
            return
        with self._locked():
            with self._writing(LOG), Folder.at(self.path) as folder:
                for name in (LOG, METRICS):
                    folder.make_ours(name)
            self._before, self._began = float(self.meta["seconds"]), time.monotonic()
            self.update_meta(status="running")
            status = "failed"
            try:
                yield
                status = "done"
            except (Stopped, KeyboardInterrupt):
                status = "stopped"
                raise
            finally:
                with (
                    suppress(Unwritable) if status == "failed" else nullcontext()
                ):  # the error that ended the run is shown instead
                    self.update_meta(status=status, seconds=self.seconds)

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return self._before + time.monotonic() - self._began

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._writing(LOCK), Folder.at(self.path) as folder:
            lock = self._lock(folder)
            if lock is not None:
                folder.remove_left(depth=2)
        with lock if lock is not None else nullcontext():
            yield

    def _lock(self, folder: Folder) -> Lock | None:
        """The run's lock; None where the file system knows no locks, which the log then says."""
        until = time.monotonic() + _LOCK_PATIENCE  # the property `killed` holds the lock for a moment
        try:
            while (lock := take(folder, LOCK)) is None:
                if time.monotonic() > until:
                    raise TLError(f"'{self.path}' is being trained by another process: wait for it, or stop it.")
                time.sleep(_LOCK_PATIENCE / 10)
        except NoLocks:
            self.note(f"{self.path}: the file system knows no locks: see that no other process resumes this run.")
            return None
        return lock

    @property
    def killed(self) -> bool:
        """True where the status is `running`, but no process trains the run."""
        if self.meta["status"] != "running":
            return False
        with Folder.at(self.path) as folder:
            return is_free(folder, LOCK)

    def update_meta(self, **facts: Any) -> None:
        if self.writes:
            self.write_json(META, {**self.meta, **facts})

    def log(self, row: Mapping[str, Any]) -> None:
        """Append a row to metrics.jsonl."""
        self._append(METRICS, visible_line(json.dumps(dict(row), ensure_ascii=False)))

    def note(self, text: str) -> None:
        """Append a line with the time to the log."""
        self._append(LOG, f"{datetime.now(UTC):%H:%M:%S} {visible_line(text)}")

    def _append(self, name: str, line: str) -> None:
        if self.writes:
            with self._writing(name), Folder.at(self.path) as folder:
                folder.append(name, _utf8(line + "\n"))

    def rows(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl up to the first bad line: a machine that stops leaves such, and what follows it.

        TLError where the run is done, whose rows are all on the disk.
        """
        rows, bad = self._rows()
        if bad and self.meta["status"] == "done":
            raise damaged_error(self.path / METRICS)
        return rows

    def _rows(self) -> tuple[list[dict[str, Any]], int]:
        """The rows before the first bad line, and the number of that line, counted from 1; 0 where there is none."""
        file, rows = self.path / METRICS, list[dict[str, Any]]()
        lines = file.read_bytes().split(b"\n")[:-1] if file.is_file() else []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                return rows, number
            if not isinstance(row, dict) or not isinstance(row.get("step"), int):
                return rows, number
            rows.append(row)
        return rows, 0

    def forget_rows_after(self, step: int) -> None:
        """Drop the rows that a resumed run will write again."""
        rows, bad = self._rows()
        if bad:
            self.note(f"{METRICS}: line {bad} is damaged: it and what follows it were removed.")
        kept = [visible_line(json.dumps(row, ensure_ascii=False)) for row in rows if row["step"] <= step]
        self.write(METRICS, "".join(f"{line}\n" for line in kept))

    def checkpoint(self, step: int, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Write a checkpoint of these states; OSErrors become one sentence."""
        if self.writes:
            with self._writing(CHECKPOINTS), Folder.at(self.path) as folder:
                for name in (METRICS, LOG):  # the rows up to a checkpoint are those of the weights in it
                    folder.sync_file(name)
                self._checkpoints.write(step, states)

    def latest_checkpoint(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest whole checkpoint; `say` gets a line on each damaged one. None before the first checkpoint."""
        return self._checkpoints.latest(say)

    def remove_checkpoints(self) -> None:
        """Remove what resuming reads; the run must be done, and its status say so."""
        if self.writes:
            self._checkpoints.remove()

    def save_model(self, state: Mapping[str, Tensor]) -> None:
        """Write model.safetensors."""
        from safetensors.torch import save

        if self.writes:
            tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
            with reading(f"'{self.path / RUN_MODEL}'", "cannot be made", "resume the run where there is more memory"):
                content = save(tensors)
            self.write(RUN_MODEL, content)


def _instead_of(path: Path) -> str:
    """A clause that names the folder that is meant, and one that tells how the runs beside it are listed."""
    around = path.parent
    if not around.is_dir():
        return ""
    near = nearest(path.name, [beside.name for beside in around.iterdir() if beside.is_dir() and beside != path])
    return f"{near} The runs below '{around}' are listed by 'tl runs {around}'."


def _json(content: Any) -> str:
    return visible(json.dumps(content, indent=2, ensure_ascii=False)) + "\n"


def _utf8(text: str) -> bytes:
    """The text as a file holds it; a byte of a file name that is no text becomes an escape, which JSON reads back."""
    return text.encode("utf-8", "backslashreplace")
