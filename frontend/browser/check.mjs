/** Named checks: each prints one line, and one failure does not hide the next. */

import { stripVTControlCharacters } from 'node:util';

/** @type {string[]} */
const failed = [];
let passed = 0;

/**
 * Runs `body`; a throw makes the check `name` fail.
 *
 * @param {string} name
 * @param {() => Promise<unknown>} body
 */
export async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`  ok      ${name}`);
  } catch (error) {
    failed.push(name);
    const message = stripVTControlCharacters(error instanceof Error ? error.message : String(error));
    console.log(`  FAILED  ${name}\n          ${message.trimEnd().replaceAll('\n', '\n          ')}`);
  }
}

/**
 * Throws unless both are the same value.
 *
 * @param {unknown} found
 * @param {unknown} expected
 */
export function is(found, expected) {
  if (found !== expected) throw new Error(`found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
}

/** Prints the count and gives the exit code. */
export function report() {
  console.log(`  ${passed} checks passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}
