#!/bin/bash
# exits 0 where tl answers rightly, 1 where the fault is there. TL=/path/to/tl to choose another tl.
cd "$(dirname "$0")"; export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
TL=${TL:-tl}; PY=${PY:-$(dirname "$(command -v "$TL")")/python}; W=$(mktemp -d); export TL_CACHE=$W/cache; trap 'rm -rf "$W"' EXIT
"$PY" -c "
print('text,label,patient')
for i in range(160): print(f'note {i} of day {i * i},{\"rare\" if i % 16 == 3 else \"usual\"},{i // 16}')" > "$W/t.csv"
"$TL" finetune r.yaml data.file="$W/t.csv" --runs "$W" > "$W/o" 2>&1 || { tail -1 "$W/o"; exit 1; }
grep -E "only|Never|Not shown" "$W/o"
grep -q "no interval for accuracy, .*only 3 groups" "$W/o" &&
  grep -q "Not shown to tell rare from usual: .*only 3 groups.* Never answers rare (0 of 3)" "$W/o" &&
  ! grep -q "top5" "$W"/r/*/evaluation/test.json "$W"/r/*/metrics.jsonl
