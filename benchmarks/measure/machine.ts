/** What the figures were measured on. A figure without its machine says nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { getrlimit, RLIMIT_NOFILE, setrlimit } from '../../src/sys/index.js';

export interface Machine {
  cpu: string;
  cpus: number;
  /** Those that this process may run on. */
  allowedCpus: readonly number[];
  /** In bytes. */
  memory: number;
  kernel: string;
  arch: string;
  node: string;
  /** Such as `glibc 2.36`. */
  libc: string;
  /** How the kernel chooses the clock rate, where it says so: `performance`, `schedutil`, … */
  governor: string | null;
  /** What it runs in, as far as that can be seen from inside; `null`: nothing is seen. */
  virtualization: string | null;
  /** What the kernel does about each flaw of the CPU. They make system calls dear. */
  mitigations: Readonly<Record<string, string>>;
  /** How many descriptors a process may have: the limit now, and the bound up to which it can be raised. */
  openFiles: { readonly limit: number; readonly hard: number };
  /** Of the last minute, before the benchmark: above 0 somebody else was at work. */
  load: number;
}

function content(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

const VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities';

function mitigations(): Record<string, string> {
  let names: string[];
  try {
    names = readdirSync(VULNERABILITIES).sort();
  } catch {
    return {};
  }
  return Object.fromEntries(names.map((name) => [name, content(`${VULNERABILITIES}/${name}`) ?? 'not readable']));
}

function libc(): string {
  // The report's look at the network would take long where a name server is slow.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'not glibc';
}

function virtualization(): string | null {
  const vendor = content('/sys/class/dmi/id/sys_vendor') ?? content('/sys/hypervisor/type');
  const flags = /^(?:flags|Features)\s*:.*\bhypervisor\b/m.test(content('/proc/cpuinfo') ?? '');
  const container = content('/proc/1/environ')?.match(/(?:^|\0)container=([^\0]+)/)?.[1];
  const found = [
    flags || vendor === 'xen' ? `virtual machine${vendor ? ` (${vendor})` : ''}` : null,
    container ?? (content('/.dockerenv') !== null ? 'docker' : null),
  ].filter((one) => one !== null);
  return found.length > 0 ? found.join(', ') : null;
}

/** Raises the number of descriptors that this process, and those that it starts, may have to the hard bound. */
export function raiseOpenFiles(): void {
  const limit = new Float64Array(2);
  if (getrlimit(RLIMIT_NOFILE, limit) < 0) return;
  // Where it cannot be raised, the machine says what is left.
  setrlimit(RLIMIT_NOFILE, limit.fill(limit[1] as number));
}

function openFiles(): Machine['openFiles'] {
  const limit = new Float64Array(2);
  getrlimit(RLIMIT_NOFILE, limit);
  return { limit: limit[0] as number, hard: limit[1] as number };
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    allowedCpus: allowedCpus(),
    memory: totalmem(),
    kernel: release(),
    arch: process.arch,
    node: process.version,
    libc: libc(),
    governor: content('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    virtualization: virtualization(),
    mitigations: mitigations(),
    openFiles: openFiles(),
    load: loadavg()[0] ?? 0,
  };
}

export function machineLine({ cpu, cpus: count, kernel, arch, node, load }: Machine): string {
  return `${cpu}, ${count} CPUs, Linux ${kernel} ${arch}, Node.js ${node}; load ${load.toFixed(2)} before`;
}

/** How many threads a process has. */
export function threads(pid: number | 'self'): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** The CPUs that this process may run on, ascending. */
export function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
