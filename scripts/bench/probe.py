"""A linear probe through tl against scikit-learn's logistic regression on the same features; and full fine-tuning.

Real data and weights of the quickstart extra: emoji pictures under EfficientNet-Lite0, emoji names under MiniLM. Means
over seeds; each seed draws its own training samples and split.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tl.cli.printing.progress import Quiet
from tl.commands.extract_features import extract_features
from tl.commands.finetune import Request, finetune
from tl.recipe.recipe import load
from tl.run.run import Run

CASES = {"pictures": "quickstart_images", "names": "quickstart_texts"}
PROBE = ["freeze=linear_probe", "loop.length=30ep", "augment=none", "loop.bootstrap=10", "loop.eval_every=5ep"]
FULL = ["freeze=linear_then_all", "loop.bootstrap=10"]


def through_tl(story: str, overrides: list[str], folder: Path) -> float:
    """Test accuracy of a run."""
    path = finetune(Request(load(story, overrides), folder, None, "bench"), Quiet())
    value: float = Run.open(path).read_json("evaluation/test.json")["metrics"]["accuracy"]["value"]
    return value


def through_sklearn(story: str, overrides: list[str]) -> float:
    """Test accuracy of logistic regression on standardised features."""
    found, _ = extract_features(story, overrides, print)
    scaler = StandardScaler().fit(found["train"].features.numpy())
    model = LogisticRegression(max_iter=5000, C=0.1)
    model.fit(scaler.transform(found["train"].features.numpy()), found["train"].targets.numpy())
    return float(model.score(scaler.transform(found["test"].features.numpy()), found["test"].targets.numpy()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--per-class", type=int, default=50)
    chosen = parser.parse_args()
    for name, story in CASES.items():
        arms: dict[str, list[float]] = {"scikit-learn": [], "tl probe": [], "tl probe, then all": []}
        for seed in range(chosen.seeds):
            data = [f"data.per_class={chosen.per_class}", f"data.split.seed={seed}", f"seed={seed}"]
            with tempfile.TemporaryDirectory() as folder:
                arms["scikit-learn"].append(through_sklearn(story, [*data, "augment=none"]))
                arms["tl probe"].append(through_tl(story, [*data, *PROBE], Path(folder)))
                arms["tl probe, then all"].append(through_tl(story, [*data, *FULL], Path(folder)))
        means = ", ".join(f"{arm} {statistics.mean(values):.3f}" for arm, values in arms.items())
        print(f"{name}, {chosen.per_class} a class, {chosen.seeds} seeds: {means}", flush=True)


if __name__ == "__main__":
    main()
