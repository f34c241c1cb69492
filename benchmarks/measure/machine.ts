/** What the figures were measured on. A figure without its machine says nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';

export interface Machine {
  cpu: string;
  cpus: number;
  kernel: string;
  arch: string;
  node: string;
  /** Of the last minute, before the benchmark: above 0 somebody else was at work. */
  load: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    kernel: release(),
    arch: process.arch,
    node: process.version,
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
