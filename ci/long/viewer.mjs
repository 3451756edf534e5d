// Reads a pyramid as the map library does before it draws: levels, shapes, limits, and chunks of every level.
import { readFile } from "node:fs/promises";
import { ZarrLayer } from "@carbonplan/zarr-layer";

const [base] = process.argv.slice(2);
const expected = JSON.parse(await readFile("expected.json", "utf8"));
let failed = 0;
const compare = (what, got, want) => {
  const close = (a, b) => (typeof a === "number" ? Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b)) : a === b);
  const flat = (value) => [value].flat(2);
  const ok = flat(got).length === flat(want).length && flat(got).every((a, at) => close(a, flat(want)[at]));
  failed += ok ? 0 : 1;
  console.log(`${ok ? "equal" : "WRONG"} ${what} ${JSON.stringify(got)}${ok ? "" : ` expected ${JSON.stringify(want)}`}`);
};
console.warn = () => {};
for (const [name, want] of Object.entries(expected)) {
  const layer = new ZarrLayer({ id: name, source: `${base}/${name}.zarr`, variable: "sst", colormap: [[0, 0, 0], [255, 255, 255]], clim: [0, 1], selector: { time: 0 } });
  // all but the drawing, which needs a browser
  layer.gl = {};
  await layer.initialize();
  await layer.initializeMode();
  const store = layer.zarrStore;
  const seen = store.describe();
  compare(`${name} kind`, seen.multiscaleType, "untiled");
  compare(`${name} levels`, seen.levels, want.levels);
  compare(`${name} shapes`, layer.mode.levels.map((level) => level.shape), want.shapes);
  compare(`${name} scales`, seen.untiledLevels.map((level) => level.scale), want.levels.map((_, at) => (at ? [2, 2] : [1, 1])));
  compare(`${name} limits`, [seen.xyLimits.xMin, seen.xyLimits.yMin], want.limits);
  for (const [at, level] of want.levels.entries()) {
    const array = await store.getLevelArray(level);
    const chunk = await store.getChunk(level, array.shape.map(() => 0));
    // a chunk at the end of its array has cells beyond it
    let sum = 0;
    const inside = chunk.shape.map((n, dim) => Math.min(n, array.shape[dim]));
    const cells = inside.reduce((a, b) => a * b, 1);
    for (let number = 0; number < cells; number += 1) {
      let rest = number;
      let place = 0;
      for (let dim = inside.length - 1; dim >= 0; dim -= 1) {
        place += (rest % inside[dim]) * chunk.stride[dim];
        rest = Math.floor(rest / inside[dim]);
      }
      sum += Number(chunk.data[place]);
    }
    compare(`${name} level ${level} sum of the first chunk`, sum, want.sums[at]);
  }
}
console.log(failed ? `${failed} wrong` : "all equal");
process.exit(failed ? 1 : 0);
