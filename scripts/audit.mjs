/**
 * npm audit, of everything that is installed here. It fails for what is found. A registry that does not answer is said, and no
 * failure: what it would have said is not known.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('../', import.meta.url));
const { stdout, stderr } = spawnSync('npm', ['audit', '--audit', '--json'], {
  cwd,
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
});
const report = parse(stdout);
if (report?.metadata?.vulnerabilities === undefined) {
  const reason = report?.message ?? report?.error?.summary ?? stderr.trim();
  console.log(`NOT AUDITED: the registry gave no answer (${String(reason).split(/ - |\n/)[0]})`);
} else {
  const { vulnerabilities, dependencies } = report.metadata;
  console.log(`${vulnerabilities.total} known vulnerabilities in ${dependencies.total} packages`);
  for (const { name, severity, range } of Object.values(report.vulnerabilities))
    console.log(`${severity}: ${name} ${range}`);
  process.exitCode = vulnerabilities.total === 0 ? 0 : 1;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
