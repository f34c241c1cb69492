/**
 * sbom.mjs [FILE]: a software bill of materials of what an installation brings, in CycloneDX, by npm's own command. It fails
 * when a dependency that package.json names is not in it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('../', import.meta.url));
// Not the workspace that makes the API reference: no installation brings it.
const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only', '--workspaces=false'];
const sbom = JSON.parse(execFileSync('npm', args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 }));
// Where a package was fetched from, and when the list was made, differ from machine to machine.
delete sbom.serialNumber;
delete sbom.metadata.timestamp;
for (const component of sbom.components) {
  component.externalReferences = component.externalReferences?.filter(({ type }) => type !== 'distribution');
}
const { dependencies } = JSON.parse(readFileSync(`${cwd}package.json`, 'utf8'));
const listed = new Set(sbom.components.map(({ group, name }) => (group ? `${group}/${name}` : name)));
const missing = Object.keys(dependencies).filter((name) => !listed.has(name));
if (missing.length > 0) throw new Error(`not in the bill of materials: ${missing.join(', ')}`);
const [file] = process.argv.slice(2);
const text = `${JSON.stringify(sbom, null, 2)}\n`;
if (file) writeFileSync(file, text);
else process.stdout.write(text);
console.error(`${sbom.components.length} packages: ${[...listed].sort().join(', ')}`);
