/** Network namespaces of a run's own: what is done to the network in one is done to nobody else. */
import { spawnSync } from 'node:child_process';
import { type Child, start } from '../measure/children.js';

/** Whether a command can be run, and ends well. */
export function succeeds(...[file, ...args]: readonly [string, ...string[]]): boolean {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}

/** Why there can be none here; `undefined` when there can. */
export function noNamespace(): string | undefined {
  if (!succeeds('ip', '-V')) return 'ip is not installed (iproute2)';
  if (!succeeds('unshare', '--net', 'true')) return 'a network namespace cannot be made here (root may)';
  return undefined;
}

/**
 * Makes a namespace with loopback. It lives as long as a process does in it: when this one is gone, however that came, so is
 * all that was made.
 */
export async function makeNamespace(...commands: readonly string[]): Promise<Child> {
  const script = ['ip link set lo up', ...commands, 'echo ready', 'exec cat >/dev/null'].join(' && ');
  const holder = start('unshare', ['--net', 'sh', '-c', script]);
  await holder.line();
  return holder;
}

/** The words in front of a command that is to run within. */
export function within({ pid }: Child): readonly [string, ...string[]] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`];
}

/** Runs a command within. @returns what it prints @throws Error with what it has against that */
export function runWithin(namespace: Child, ...words: readonly string[]): string {
  const [file, ...args] = [...within(namespace), ...words] as [string, ...string[]];
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr.trim()}`);
  return stdout;
}
