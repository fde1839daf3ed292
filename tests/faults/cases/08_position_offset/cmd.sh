#!/bin/bash
# exits 0 where tl answers rightly, 1 where the fault is there. TL=/path/to/tl to choose another tl.
cd "$(dirname "$0")"; export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
TL=${TL:-tl}; PY=${PY:-$(dirname "$(command -v "$TL")")/python}; W=$(mktemp -d); export TL_CACHE=$W/cache; trap 'rm -rf "$W"' EXIT
bad=0
for m in data2vec-text; do "$TL" finetune r.yaml backbone.weights=$m --runs "$W" > "$W/o" 2>&1; rc=$?; echo "$m rc=$rc $(tail -1 "$W/o")"; [ $rc = 0 ] || bad=1; done; exit $bad
