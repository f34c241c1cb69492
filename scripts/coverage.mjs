/**
 * `npm run coverage:report`: which lines of TypeScript the tests reach, in the tests' own processes (as vitest has seen them,
 * coverage/own/coverage-final.json) and in the processes that they start (as V8 has, coverage/children/). Fails below what is to be
 * reached.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Report } from 'c8';
import coverage from 'istanbul-lib-coverage';

const root = fileURLToPath(new URL('..', import.meta.url));
const OWN = `${root}coverage/own/coverage-final.json`;
const CHILDREN = `${root}coverage/children`;
/** The least part of the lines that must be reached, in per cent. */
const LINES = 95;

/** Line by line: how often it ran. */
function linesOf(map, file) {
  return map.files().includes(file) ? map.fileCoverageFor(file).getLineCoverage() : {};
}

async function childrenMap() {
  const include = ['src/**/*.ts', 'benchmarks/**/*.ts'];
  const report = Report({
    ...{ tempDirectory: CHILDREN, src: [root], include, exclude: [], extension: ['.ts'], excludeAfterRemap: true },
    ...{ all: false, reporter: [], reportsDirectory: `${root}coverage`, mergeAsync: true },
  });
  return report.getCoverageMapFromAllCoverageFiles();
}

/** Numbers as people write ranges: `3-5,9`. */
function ranges(numbers) {
  const parts = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

for (const path of [OWN, CHILDREN]) {
  if (existsSync(path)) continue;
  console.error(
    `${path.slice(root.length)} is not there: FDMUX_COVERAGE=$PWD/coverage/children npm test, then npm run test:instrumented`,
  );
  process.exit(2);
}
const own = coverage.createCoverageMap(JSON.parse(readFileSync(OWN, 'utf8')));
const children = await childrenMap();

const folders = new Map();
for (const file of own.files()) {
  const name = file.slice(root.length);
  const ran = linesOf(children, file);
  // Which lines there are, vitest says: V8 counts comments, too.
  const lines = Object.entries(linesOf(own, file)).map(([line, hits]) => [Number(line), hits > 0 || ran[line] > 0]);
  const missed = lines.filter(([, reached]) => !reached).map(([line]) => line);
  const folder = name.slice(0, name.lastIndexOf('/'));
  if (!folders.has(folder)) folders.set(folder, []);
  folders.get(folder).push({ name, count: lines.length, missed });
}

const percent = (files) => {
  const all = files.reduce((sum, { count }) => sum + count, 0);
  return all === 0 ? 100 : (100 * (all - files.reduce((sum, { missed }) => sum + missed.length, 0))) / all;
};
for (const [folder, files] of [...folders].sort()) {
  console.log(`${folder.padEnd(40)} ${percent(files).toFixed(1).padStart(6)} %`);
  for (const { name, missed } of files) if (missed.length > 0) console.log(`    ${name}: ${ranges(missed)}`);
}
const below = (start) => [...folders].filter(([folder]) => folder.startsWith(start)).flatMap(([, files]) => files);
const reached = percent(below('src'));
console.log(
  `\nTypeScript, lines of src/ that the tests reach: ${reached.toFixed(1)} %; at least ${LINES} % is asked for`,
);
// Their figures, tables and pages are tested in vitest's own processes, which are looked at for the library only.
console.log(`of benchmarks/, by the processes that the tests start: ${percent(below('benchmarks')).toFixed(1)} %`);
process.exitCode = reached >= LINES ? 0 : 1;
