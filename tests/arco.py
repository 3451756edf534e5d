"""Runs the `arcoforge` binary and looks at what it left on disk."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# what runs keep for one another is of these tests alone
CACHE = tempfile.TemporaryDirectory(prefix="arcoforge-tests-")
os.environ["XDG_CACHE_HOME"] = CACHE.name
EXIT = {"done": 0, "bug": 1, "usage": 2, "recipe": 3, "refused": 4, "source": 5, "target": 6, "interrupted": 130}
# runs one command and leaves its peak memory in MB in a file: the parent's own figure is the maximum over all children
PEAK = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[2:]); "
    "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)); "
    "sys.exit(code if code >= 0 else 128 - code)"
)


def binary():
    """The binary under test: $ARCOFORGE_BIN, else the release build."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return Path(os.environ.get("ARCOFORGE_BIN", target / "release" / "arcoforge")).resolve()


def data_folder():
    """The folder of real files ($ARCOFORGE_DATA, default ../shared/data beside the repository), or None."""
    folder = Path(os.environ.get("ARCOFORGE_DATA", ROOT.parent / "shared" / "data"))
    return folder.resolve() if (folder / "MANIFEST.json").exists() else None


@dataclass
class Run:
    """What one call printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self):
        return self.err + self.out

    def events(self):
        """The lines of `--json`, each a JSON object."""
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]


def run(*args, cwd=None, timeout=300, env=None, by=()):
    """Runs the binary, perhaps `by` another program; never raises for an exit code."""
    command = [*by, str(binary()), *(str(a) for a in args)]
    done = subprocess.run(
        command,
        cwd=cwd,
        timeout=timeout,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        errors="replace",
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def measured(*args, **kwargs):
    """Runs the binary; returns its peak memory in MB, too."""
    with tempfile.NamedTemporaryFile() as peak:
        done = run(*args, by=[sys.executable, "-c", PEAK, peak.name], **kwargs)
        return done, int(peak.read())


def policies(*pairs):
    """`key=policy`, …, as options of the command line."""
    return [word for pair in pairs for word in ("--set", f"combine.{pair}")]


def bake(*args, to, **kwargs):
    """Bakes and expects success."""
    done = run("bake", *args, "--to", to, **kwargs)
    assert done.code == 0, f"exit {done.code}: {done.text}"
    return done


def refuse(*args, exit, mention=(), cwd=None, timeout=300):
    """Runs and expects a clean failure: the exit code, every name in the message, no panic, a line for people."""
    done = run(*args, cwd=cwd, timeout=timeout)
    assert done.code == EXIT[exit], f"exit {done.code}, expected {EXIT[exit]} ({exit}): {done.text}"
    assert "panicked" not in done.text and "RUST_BACKTRACE" not in done.text, done.text
    missing = [word for word in mention if str(word).lower() not in done.text.lower()]
    assert not missing, f"the message does not name {missing}: {done.text}"
    return done


def recipe(folder, text, name="recipe.yaml"):
    """Writes a recipe; `schema` and `name` are put in front."""
    path = Path(folder) / name
    path.write_text(f"schema: 1\nname: test\n{text}")
    return path


def keys(store):
    """All files below a folder, as sorted relative paths."""
    store = Path(store)
    return sorted(str(p.relative_to(store)) for p in store.rglob("*") if p.is_file())


def digest(store):
    """Every key with the SHA-256 of its bytes."""
    return {key: hashlib.sha256((Path(store) / key).read_bytes()).hexdigest() for key in keys(store)}


def nothing_left(store):
    """Asserts that no store is there, nor anything beside it but what the next bake goes on from."""
    left = sorted(p.name for p in Path(store).parent.iterdir() if not is_kept(p))
    assert left == [], f"left behind: {left}"


def is_kept(path):
    """Whether a folder is what a bake that ended early keeps: whole objects, with their receipts."""
    path = Path(path)
    states = [p for p in path.iterdir() if p.name != "lock"] if path.name.endswith(".zarr.bake") else []
    return bool(states) and all(any((p / "receipts").glob("*.jsonl")) for p in states)
