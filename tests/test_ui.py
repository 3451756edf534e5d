"""The error gallery: every code of docs/errors.md has a folder in tests/ui with a command and the report that it gives.

`UPDATE_UI=1` writes the reports anew; read them as somebody who sees arcoforge for the first time. The codes of wrong
recipes have their gallery in crates/recipe/tests/ui.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess

import pytest

import arco
import gallery

UI = arco.ROOT / "tests" / "ui"
RECIPES = arco.ROOT / "crates" / "recipe" / "tests" / "ui"
CASES = sorted(path.parent for path in UI.glob("*/*/command"))
CODES = re.findall(r"^\| `([a-z0-9-]+)` \| \d+ \|", (arco.ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
PROGRESS = re.compile(r"(survey|bake|check|verify|lock): \d")
# codes that no command can be made to give, and why
WITHOUT = {
    "bug": "a known way to a defect would be mended, not shown",
    "target-conflict": "two bakes have to commit at one time: tests/test_icechunk.py does so",
}


def test_every_code_has_a_folder():
    assert len(CODES) > 40
    shown = {path.parent.name for path in CASES} | {path.name for path in RECIPES.iterdir() if any(path.glob("*.yaml"))}
    missing = [code for code in CODES if code not in shown and code not in WITHOUT]
    assert not missing, f"no folder in tests/ui for {missing}"
    assert not [code for code in WITHOUT if code in shown]
    assert not {path.parent.name for path in CASES} - set(CODES), "a folder that is no code"


@pytest.mark.parametrize("case", CASES, ids=[f"{path.parent.name}-{path.name}" for path in CASES])
def test_reports(case, tmp_path, monkeypatch):
    folder = tmp_path / "work"
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns("*.py", "expected.txt", "command"))
    monkeypatch.chdir(folder)
    if (case / "make.py").exists():
        gallery.make(case / "make.py")
    *before, last = (case / "command").read_text().strip().splitlines()
    with contextlib.closing(Ports(folder)) as ports:
        for line in before:
            if line.endswith(".py"):
                gallery.make(case / line)
            else:
                done = arco.run(*shlex.split(line), cwd=folder)
                assert done.code == 0, f"{line}: {done.text}"
        report = normal(f"$ arcoforge {last}\n{ports.run(last)}", folder, ports)
    assert f"error[{case.parent.name}]" in report, report
    path = case / "expected.txt"
    if os.environ.get("UPDATE_UI"):
        path.write_text(report)
    assert report == (path.read_text() if path.exists() else ""), f"{path} differs (UPDATE_UI=1 writes it anew)"


class Ports:
    """What `{server}` and `{closed}` stand for in a command, and the commands that are interrupted."""

    def __init__(self, folder):
        self.http = gallery.server(folder)
        self.free = socket.socket()
        self.free.bind(("127.0.0.1", 0))
        self.names = {"{server}": self.http.server_address[1], "{closed}": self.free.getsockname()[1]}

    def run(self, line):
        for name, port in self.names.items():
            line = line.replace(name, f"http://127.0.0.1:{port}")
        child = subprocess.Popen(
            [str(arco.binary()), *shlex.split(line)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if "busy" in line or "silent" in line:
            assert self.http.waiting.wait(30), "the server was not asked"
            child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)  # less than a server has to answer
        return f"{err}{out}exit {child.returncode}\n"

    def close(self):
        self.http.server_close()
        self.free.close()


def normal(text, folder, ports):
    """Without what differs from run to run: folders, ports, and the lines of progress."""
    for name, port in ports.names.items():
        text = text.replace(f"http://127.0.0.1:{port}", name).replace(f"127.0.0.1:{port}", name)
    text = text.replace(f"{folder}/", "").replace(str(folder), ".")
    lines = [line.rstrip() for line in text.replace(arco.binary().name, "arcoforge").splitlines()]
    return "\n".join(line for line in lines if not PROGRESS.match(line)) + "\n"
