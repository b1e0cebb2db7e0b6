// Makes src/api/schema.d.ts from openapi.json. Written only where it changed, so that nothing is built
// again without need.

import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const file = new URL("src/api/schema.d.ts", import.meta.url);
const made = astToString(await openapiTS(new URL("openapi.json", import.meta.url)));
const kept = await readFile(file, "utf8").catch(() => "");
if (made !== kept) await writeFile(file, made);
