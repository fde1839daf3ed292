#!/bin/bash
# exits 0 where tl answers rightly, 1 where the fault is there. TL=/path/to/tl to choose another tl.
cd "$(dirname "$0")"; export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
TL=${TL:-tl}; PY=${PY:-$(dirname "$(command -v "$TL")")/python}; W=$(mktemp -d); export TL_CACHE=$W/cache; trap 'rm -rf "$W"' EXIT
bad=0
"$TL" check r.yaml > "$W/o" 2>&1; rc=$?; grep "^b'" "$W/o" && bad=1
for h in hf_list hf_dict hf_bytes; do "$TL" check hf.yaml data.root=$h > "$W/o" 2>&1; rc=$?; echo "$h rc=$rc"; [ $rc = 2 ] || [ $h = hf_bytes -a $rc = 0 ] || bad=1; done
"$PY" - <<'P' || bad=1
import sys
from pathlib import Path
from tl.components.data.cells import text_of
from tl.components.data.parquet import parquet_table
from tl.errors import TLError
names, rows = parquet_table(Path("bin.parquet"))
try: v=text_of(next(rows(["text"]))[1][0], "text", ())
except TLError as e: print(e); sys.exit(0)
print(repr(v)); sys.exit(v.startswith("b'"))
P
exit $bad
