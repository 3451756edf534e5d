// Reads every array that expected.json names with zarrita, and compares shape, sum and weighted sum.
import { readFile } from "node:fs/promises";
import FileSystemStore from "@zarrita/storage/fs";
import * as zarr from "zarrita";

const expected = JSON.parse(await readFile("expected.json", "utf8"));
let failed = 0;
for (const [path, want] of Object.entries(expected)) {
  const [name, array] = path.split("/");
  const store = new FileSystemStore(`${process.cwd()}/${name}.zarr`);
  const node = await zarr.open.v3(zarr.root(store).resolve(array), { kind: "array" });
  const got = await zarr.get(node);
  const shape = node.shape;
  const data = shape.length ? got.data : [got]; // an array without dimensions comes as its value
  let sum = 0;
  let weighted = 0;
  for (let i = 0; i < data.length; i += 1) {
    const value = Number(data[i]);
    sum += value;
    weighted += value * ((i + 1) % 97);
  }
  const close = (a, b) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));
  const ok = JSON.stringify(shape) === JSON.stringify(want.shape) && close(sum, want.sum) && close(weighted, want.weighted);
  failed += ok ? 0 : 1;
  console.log(`${ok ? "equal" : "WRONG"} ${path} ${JSON.stringify(shape)}`);
}
console.log(`${Object.keys(expected).length - failed} equal, ${failed} wrong`);
process.exit(failed ? 1 : 0);
