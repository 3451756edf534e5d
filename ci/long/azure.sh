#!/usr/bin/env bash
# Azure Blob Storage for real: Azurite, the store's own emulator, is written, read, raced for and baked to.
# ci/long/azure.sh [RACES]. Needs Node; installs Azurite into a folder of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath "${CARGO_TARGET_DIR:-target}/release")
binary=$(realpath "${ARCOFORGE_BIN:-$target/arcoforge}")
folder=${AZURITE:-${TMPDIR:-/tmp}/arcoforge-azurite}
work=$(mktemp -d)
cargo build --release --locked -p arcoforge-store --example bucket
[ -x "$folder/node_modules/.bin/azurite-blob" ] || npm install --silent --no-audit --no-fund --prefix "$folder" azurite@3.36.0

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/node_modules/.bin/azurite-blob" --silent --location "$work/azurite" --blobPort "$port" >"$work/log" 2>&1 &
server=$!
trap 'kill $server; wait $server 2>/dev/null || true; rm -rf "$work"' EXIT

# the account that the emulator is made with, which everybody knows
export AZURE_STORAGE_ACCOUNT_NAME=devstoreaccount1
export AZURE_STORAGE_ACCOUNT_KEY=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==
export AZURE_STORAGE_CONNECTION_STRING="AccountName=$AZURE_STORAGE_ACCOUNT_NAME;AccountKey=$AZURE_STORAGE_ACCOUNT_KEY;BlobEndpoint=http://127.0.0.1:$port/$AZURE_STORAGE_ACCOUNT_NAME"

# containers are not ours to make
container() {
    node --input-type=module - "$1" "$port" <<'JS'
import { createHmac } from "node:crypto";
const [name, port] = process.argv.slice(2);
const account = process.env.AZURE_STORAGE_ACCOUNT_NAME;
const headers = { "x-ms-date": new Date().toUTCString(), "x-ms-version": "2021-08-06" };
const signed = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join("");
const text = ["PUT", ..."\n".repeat(11).split("\n")].slice(0, 12).join("\n") + `\n${signed}/${account}/${account}/${name}\nrestype:container`;
const key = Buffer.from(process.env.AZURE_STORAGE_ACCOUNT_KEY, "base64");
headers.authorization = `SharedKey ${account}:${createHmac("sha256", key).update(text).digest("base64")}`;
for (let tries = 50; ; tries--) {
    try {
        const answer = await fetch(`http://127.0.0.1:${port}/${account}/${name}?restype=container`, { method: "PUT", headers });
        if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
        break;
    } catch (error) {
        if (tries === 0 || String(error).match(/^Error: 4/)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}
JS
}

container contract
"$target/examples/bucket" contract az://contract/a/prefix
"$target/examples/bucket" race az://contract/races "${1:-200}"

container data
recipe=examples/oisst-small/recipe.yaml
"$binary" bake "$recipe" --to az://data/oisst.zarr
"$binary" verify "$recipe" --to az://data/oisst.zarr
"$binary" bake "$recipe" --to az://data/oisst.zarr 2>&1 | grep 'nothing to do'
"$binary" bake "$recipe" --to az://data/oisst.zarr --overwrite --in-place
"$binary" bake "$recipe" --to az://data/part.zarr --test
"$binary" bake az://data/oisst.zarr --to "$work/back.zarr"
"$binary" verify "$recipe" --to "$work/back.zarr"
echo "az: as asked"
