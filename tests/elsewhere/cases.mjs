// SPDX-License-Identifier: Apache-2.0
// Runs models in onnxruntime-web, under Node and in a browser alike.
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1; // more would need a page that is isolated from other origins

const ARRAYS = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array };

function tensor({ type, dims, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return new ort.Tensor(type, new ARRAYS[type](bytes.buffer), dims);
}

// The outputs of each case by name, or what went wrong; `load(file)` gives a file's bytes.
export async function run(cases, load) {
  const results = {};
  for (const { name, model, inputs } of cases) {
    try {
      const session = await ort.InferenceSession.create(await load(model));
      const feeds = Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, tensor(value)]));
      await session.run(feeds); // the first run is slower
      const start = performance.now();
      const found = await session.run(feeds);
      const milliseconds = performance.now() - start;
      const outputs = Object.fromEntries(
        session.outputNames.map((key) => [key, { dims: found[key].dims, data: Array.from(found[key].data, Number) }]),
      );
      results[name] = { outputs, milliseconds };
      await session.release();
    } catch (error) {
      results[name] = { error: String(error) };
    }
  }
  return results;
}
