"""Bakes a case of `edge` with the binary, and says what came of it."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

import arco
from edge import judge


@dataclass
class Baked:
    """What came of one bake: a class of `judge.CLASSES`, what is wrong, and what was printed."""

    result: str
    problems: list
    output: str

    @property
    def fine(self):
        return self.result in ("right", "stops") and not self.problems


def command(case, paths, folder, policies=()):
    """What a user types. `key=policy` sets a policy, anything with a colon is a step."""
    out = [*paths]
    if case.recipe:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text(json.dumps({"schema": 1, "name": "case", **case.recipe(paths)}))
        out = [recipe]
    elif case.concat:
        out += ["--concat", case.concat]
    if case.group:
        out += ["--group", case.group]
    if case.chunks:
        out += ["--chunks", ",".join(f"{dim}={length}" for dim, length in case.chunks.items())]
    for policy in policies:
        out += ["--step", policy] if ": " in policy else ["--set", f"combine.{policy}"]
    return out


def bake(case, paths, outcome, folder, policies=()):
    """Bakes and judges; a defect of ours is a problem whatever the outcome may be."""
    target = Path(folder) / "target"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    store = target / "out.zarr"
    done = arco.run("bake", *command(case, paths, folder, policies), "--to", store)
    if done.code != 0:
        exits = getattr(outcome, "exits", (4, 5, 6))
        problems = [] if done.code in exits else [f"exit {done.code}"]
        problems += ["something is left behind"] if any(not arco.is_kept(path) for path in target.iterdir()) else []
        return Baked(judge.judge(outcome, message=done.text), problems, done.text)
    right = judge.right_of(outcome)
    problems = differences(store, right) if right else []
    result = judge.judge(outcome, problems)
    unsaid = [f"the output does not say {word!r}" for word in (right.says if right else ()) if word not in done.text]
    return Baked(result, problems + unsaid, done.text)


def differences(store, right):
    with xr.open_zarr(store, mask_and_scale=right.decoded) as ds:
        return judge.compare(ds, right, stored=True)
