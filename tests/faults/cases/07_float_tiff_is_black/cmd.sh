#!/bin/bash
# exits 0 where tl answers rightly, 1 where the fault is there. TL=/path/to/tl to choose another tl.
cd "$(dirname "$0")"; export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
TL=${TL:-tl}; PY=${PY:-$(dirname "$(command -v "$TL")")/python}; W=$(mktemp -d); export TL_CACHE=$W/cache; trap 'rm -rf "$W"' EXIT
"$PY" - <<'P'
import sys, numpy as np
from pathlib import Path
from tl.components.picture import open_image
try: a,b=(np.asarray(open_image(Path(f'pics/{c}/0.tiff'))) for c in ('dark','light'))
except Exception as e: print(type(e).__name__, e); sys.exit(type(e).__name__!='TLError')
print('dark max', a.max(), 'light max', b.max()); sys.exit(not b.mean()>a.mean()+50)
P
