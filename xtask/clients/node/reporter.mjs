/* What became of each test, a line of JSON for each, beside what people read. */
import { appendFileSync } from "node:fs";

const reason = (error) => String(error?.cause?.message ?? error?.message ?? error ?? "");

export default async function* report(source) {
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, details, skip } = event.data;
    if (details.type === "suite" || name.endsWith(".mjs")) continue;
    const passed = event.type === "test:pass";
    const outcome = skip ? "skipped" : passed ? "passed" : "failed";
    const why = passed ? String(skip || "") : reason(details.error);
    const line = JSON.stringify({ check: name, outcome, reason: why });
    appendFileSync(process.env.CLIENTS_REPORT, line + "\n");
    yield `${outcome}: ${name}${why ? ": " + why : ""}\n`;
  }
}
