// SPDX-License-Identifier: Apache-2.0
// node node.mjs FOLDER: runs the cases of FOLDER/cases.json and prints what came out, as JSON.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./cases.mjs";

const folder = process.argv[2];
const load = (file) => readFile(join(folder, file));
const results = await run(JSON.parse(await load("cases.json")), load);
process.stdout.write(JSON.stringify(results));
