/** Who fdmux is measured against, in which version; who is not there, and why. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cProgram, inPackage, isMissing, type Missing } from '../measure/places.js';
import { findEpoll } from './epoll.js';
import { findKoffi } from './koffi.js';
import { findLibevent } from './libevent.js';

/** The command that installs what is Debian's. */
export const DEBIAN = (name: string): string => `not installed: apt-get install ${name}`;

/** The compiler writes its name into what it makes: so it is known of a program that came ready-made, too. */
function compiler(): string | Missing {
  const program = cProgram('calls');
  if (isMissing(program)) return program;
  const made = /(GCC: \([^)]*\) [\w.]+|clang version [\w.]+)/.exec(readFileSync(program, 'latin1'))?.[1];
  return made?.replace('GCC: ', 'gcc ') ?? 'compiled by nobody who says so';
}

function firstLine(command: string, ...args: string[]): string | undefined {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return (stdout || stderr)?.split('\n')[0]?.trim() || undefined;
}

function python(): string | Missing {
  return firstLine('python3', '--version')?.replace('Python ', '') ?? { missing: DEBIAN('python3') };
}

function wrk(): string | Missing {
  const said = firstLine('wrk', '-v');
  return said === undefined ? { missing: DEBIAN('wrk') } : (/^wrk (\S+)/.exec(said)?.[1] ?? said);
}

/** The library says its version itself, in a string. */
function libevent(): string | Missing {
  const program = findLibevent('libevent-scaling');
  if (isMissing(program)) return program;
  const triplets: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' };
  for (const folder of [`/usr/lib/${triplets[process.arch] ?? process.arch}-linux-gnu`, '/usr/lib64', '/usr/lib']) {
    let names: string[] = [];
    try {
      names = readdirSync(folder);
    } catch {
      // Each distribution has others of these folders.
    }
    const library = names.find((name) => /^libevent(?:_core)?-\d.*\.so/.test(name));
    if (library === undefined) continue;
    const version = /\d+\.\d+\.\d+-(?:stable|beta|alpha|dev)\b/.exec(readFileSync(`${folder}/${library}`, 'latin1'));
    if (version) return version[0];
  }
  return { missing: DEBIAN('libevent-dev') };
}

function installed(name: string, found: { path: string } | Missing): string | Missing {
  if (isMissing(found)) return found;
  const require = createRequire(inPackage('benchmarks/rivals/package.json'));
  let folder = found.path;
  for (;;) {
    folder = folder.slice(0, folder.lastIndexOf('/'));
    if (folder === '') return 'unknown';
    try {
      const manifest = require(`${folder}/package.json`) as { name?: string; version?: string };
      if (manifest.name === name && manifest.version) return manifest.version;
    } catch {
      // The folder above has it.
    }
  }
}

/** By rival: those that are there, and those that are not. */
export function rivalVersions(): { rivals: Record<string, string>; missing: Record<string, string> } {
  const all: Record<string, string | Missing> = {
    C: compiler(),
    libevent: libevent(),
    python3: python(),
    'node:net, node:http': process.version,
    koffi: installed('koffi', findKoffi()),
    'npm epoll': installed('epoll', findEpoll()),
    wrk: wrk(),
  };
  const rivals: Record<string, string> = {};
  const missing: Record<string, string> = {};
  for (const [name, version] of Object.entries(all)) {
    if (isMissing(version)) missing[name] = version.missing;
    else rivals[name] = version;
  }
  return { rivals, missing };
}
