#!/bin/bash
# exits 0 where tl answers rightly, 1 where the fault is there. TL=/path/to/tl to choose another tl.
cd "$(dirname "$0")"; export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
TL=${TL:-tl}; PY=${PY:-$(dirname "$(command -v "$TL")")/python}; W=$(mktemp -d); export TL_CACHE=$W/cache; trap 'rm -rf "$W"' EXIT
"$PY" - <<'P'
import resource, sys
from pathlib import Path
from tl.components.picture import open_image
from tl.components.preprocess import ImagePreprocess
resource.setrlimit(resource.RLIMIT_AS,(12<<30,12<<30))
p=ImagePreprocess(224,256,'bicubic',(.5,.5,.5),(.5,.5,.5))
try: p.crop(open_image(Path('pics/dark/thin.png'),p.min_side))
except MemoryError: print('MemoryError'); sys.exit(1)
gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e6; print(f"{gb:.2f} GB"); sys.exit(gb>2)
P
