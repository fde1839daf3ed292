#!/bin/bash
# exits 0 where tl answers rightly, 1 where the fault is there. TL=/path/to/tl to choose another tl.
cd "$(dirname "$0")"; export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
TL=${TL:-tl}; PY=${PY:-$(dirname "$(command -v "$TL")")/python}; W=$(mktemp -d); export TL_CACHE=$W/cache; trap 'rm -rf "$W"' EXIT
bash -c 'trap "" INT; exec "$0" finetune r.yaml loop.length=100000step --runs "$1"' "$TL" "$W" > "$W/o" 2>&1 & P=$!
for i in $(seq 60); do grep -q "steps 1-" "$W/o" && break; sleep 0.2; done; kill -INT $P; sleep 1
if kill -0 $P 2>/dev/null; then kill -TERM $P; wait $P; exit 0; fi; tail -1 "$W/o"; exit 1
