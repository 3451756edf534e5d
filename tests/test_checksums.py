"""Checksums of inputs: what is listed is hashed whole, and what differs is refused by name."""

import bz2
import gzip
import hashlib
import json
import subprocess
import tarfile

import pytest

import arco
import made

ALGORITHMS = ["sha256", "sha512", "sha1", "md5"]
SOURCE = "axes: {time: {concat: [0, 1]}}\nsource:\n  url: 'in/day0{time}.nc'\n  checksums: "


def digits(path, algorithm="sha256"):
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


@pytest.fixture
def files(tmp_path):
    (tmp_path / "in").mkdir()
    return made.days(tmp_path / "in", [2, 2])[0]


def damage(path):
    """One bit of the last byte, which is data or padding: the file reads as before."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_listed_files_are_verified(algorithm, files, tmp_path):
    right = digits(files[1], algorithm)
    listed = {"day00.nc": f"{algorithm}:{digits(files[0], algorithm)}", "in/day01.nc": f"{algorithm}:{right.upper()}"}
    recipe = arco.recipe(tmp_path, SOURCE + json.dumps(listed))
    done = arco.bake(recipe, to=tmp_path / "a.zarr")
    assert "warning" not in done.text, done.text
    (tmp_path / "recipe.lock").unlink()
    damage(files[1])
    mention = ["source-corrupt", "day01.nc", "checksum", algorithm, right, digits(files[1], algorithm)]
    for command in ["bake", "plan", "verify"]:
        arco.refuse(command, recipe, "--to", tmp_path / "a.zarr", exit="source", mention=mention)


MANIFESTS = {
    "sha256sum": lambda files: subprocess.check_output(["sha256sum", *(f.name for f in files)], cwd=files[0].parent),
    "md5sum, binary": lambda files: subprocess.check_output(
        ["md5sum", "-b", *(f.name for f in files)], cwd=files[0].parent
    ),
    "sha1sum --tag": lambda files: subprocess.check_output(
        ["sha1sum", "--tag", *(f.name for f in files)], cwd=files[0].parent
    ),
    "with paths from elsewhere": lambda files: "".join(f"{digits(f)}  in/{f.name}\n" for f in files).encode(),
    "of a whole archive": lambda files: (
        "".join(f"{digits(f)}  ./{f.name}\n" for f in files) + f"{'0' * 64}  ./day99.nc\n"
    ).encode(),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_manifests(kind, files, tmp_path):
    (tmp_path / "in" / "SUMS").write_bytes(MANIFESTS[kind](files))
    recipe = arco.recipe(tmp_path, SOURCE + "in/SUMS\n")
    done = arco.bake(recipe, to=tmp_path / "a.zarr")
    assert "warning" not in done.text, done.text
    (tmp_path / "recipe.lock").unlink()
    damage(files[0])
    arco.refuse("plan", recipe, exit="source", mention=["day00.nc", "checksum", "in/SUMS"])


def test_checksums_of_data_files(files, tmp_path):
    sums = tmp_path / "in" / "SUMS"
    sums.write_text("".join(f"{digits(f)}  {f.name}\n" for f in files))
    given = (*files, "--concat", "time", "--checksums", sums)
    arco.bake(*given, to=tmp_path / "a.zarr")
    damage(files[1])
    arco.refuse("bake", *given, "--to", tmp_path / "b.zarr", exit="source", mention=["day01.nc", "checksum"])
    recipe = arco.recipe(tmp_path, SOURCE + "in/SUMS\n")
    arco.refuse("plan", recipe, "--checksums", sums, exit="usage", mention=["source.checksums"])


def test_a_manifest_beside_each_folder(tmp_path):
    urls = []
    for number, folder in enumerate(["east", "west"]):
        (tmp_path / folder).mkdir()
        (path,), _ = made.days(tmp_path / folder, [2], start=2 * number)
        (tmp_path / folder / "SUMS").write_text(f"{digits(path)}  {path.name}\n")
        urls.append(f"{folder}/{path.name}")
    text = (
        f"axes: {{time: {{concat: found}}}}\nsource: {{files: {json.dumps(urls)}, checksums: [east/SUMS, west/SUMS]}}\n"
    )
    arco.bake(arco.recipe(tmp_path, text), to=tmp_path / "a.zarr")
    (tmp_path / "SUMS").write_text(f"{'0' * 64}  day00.nc\n{'1' * 64}  day00.nc\n")
    recipe = arco.recipe(tmp_path, text.replace("[east/SUMS, west/SUMS]", "SUMS"), name="other.yaml")
    arco.refuse("plan", recipe, exit="recipe", mention=["two sha256 checksums", "0000", "1111", "folders"])


WARNED = [
    ("{day0.nc: 'sha256:%s'}", ["`day0.nc` (did you mean `day00.nc`?)", "2 of 2 inputs have no checksum"]),
    ("[{day00.nc: 'sha256:%s'}]", ["1 of 2 inputs have no checksum"]),
]


@pytest.mark.parametrize("checksums, warnings", WARNED, ids=[c for c, _ in WARNED])
def test_what_is_not_verified_is_told(checksums, warnings, files, tmp_path):
    recipe = arco.recipe(tmp_path, SOURCE + checksums % digits(files[0]) + "\n")
    done = arco.bake(recipe, to=tmp_path / "a.zarr")
    for warning in warnings:
        assert warning in done.err, done.text


@pytest.mark.parametrize(
    "content, code", [("no checksum here\n", "source-format"), (None, "source-not-found")], ids=["prose", "absent"]
)
def test_manifests_that_are_none(content, code, files, tmp_path):
    if content is not None:
        (tmp_path / "SUMS").write_text(content)
    recipe = arco.recipe(tmp_path, SOURCE + "SUMS\n")
    arco.refuse("plan", recipe, exit="source", mention=[code, "SUMS"])


def test_what_is_hashed_is_the_file_as_it_is_published(files, tmp_path):
    (tmp_path / "in" / "day00.nc.gz").write_bytes(gzip.compress(files[0].read_bytes()))
    (tmp_path / "in" / "day01.nc.bz2").write_bytes(bz2.compress(files[1].read_bytes()))
    with tarfile.open(tmp_path / "in" / "all.tar", "w") as tar:
        for path in files:
            tar.add(path, arcname=path.name)
    rows = [(["day00.nc.gz", "day01.nc.bz2"], []), (["all.tar"], ["#day00.nc", "#day01.nc"])]
    for number, (names, members) in enumerate(rows):
        urls = [f"in/{names[0]}{member}" for member in members] or [f"in/{name}" for name in names]
        listed = {name: f"sha256:{digits(tmp_path / 'in' / name)}" for name in names}
        text = f"axes: {{time: {{concat: found}}}}\nsource: {{files: {json.dumps(urls)}, checksums: "
        good = arco.recipe(tmp_path, text + json.dumps(listed) + "}\n", name=f"good{number}.yaml")
        arco.bake(good, to=tmp_path / f"{number}.zarr")
        listed[names[0]] = f"sha256:{'0' * 64}"
        bad = arco.recipe(tmp_path, text + json.dumps(listed) + "}\n", name=f"bad{number}.yaml")
        arco.refuse("plan", bad, exit="source", mention=[names[0], "checksum"])
