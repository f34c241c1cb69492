/** A `fdmux serve web` of its own for a test, and clients that say exactly what a test wants said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));

export class Server {
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  output = '';
  port = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exit = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** @param descriptors a limit to them */
  static async start(args: readonly string[], descriptors = 0, cwd?: string): Promise<Server> {
    const command = [process.execPath, main, 'serve', 'web', '--port', '0', ...args];
    const limited = ['sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh', ...command];
    const [file, ...rest] = (descriptors === 0 ? command : limited) as [string, ...string[]];
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'], ...(cwd === undefined ? {} : { cwd }) });
    const server = new Server(child);
    child.stdout?.on('data', (text) => {
      server.output += text;
    });
    await until(() => server.output.includes('listening on') || child.exitCode !== null);
    server.port = Number(/listening on .*:(\d+)\n/.exec(server.output)?.[1]);
    return server;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /**
   * How many sockets, files and folders it has open. Pipes are not counted: whoever runs the tests may leave some to his
   * children.
   */
  get descriptors(): number {
    const folder = `/proc/${this.pid}/fd`;
    return readdirSync(folder).filter((fd) => {
      try {
        return /^(?:socket:|\/)/.test(readlinkSync(`${folder}/${fd}`));
      } catch {
        return false;
      }
    }).length;
  }

  /** Its memory, in bytes. */
  get rss(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** @returns its exit code */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null) this.signal('SIGTERM');
    return this.#exit;
  }
}

/** Waits for what another process will bring about; a test's own timeout ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A folder of a test's own. */
export function scratch(): { folder: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-web-'));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface Response {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

/** Takes the first response off, if it has come whole. */
function take(bytes: Buffer, head: boolean): { response: Response; rest: Buffer } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line, ...fields] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) [ -~]+$/.exec(line ?? '')?.[1];
  if (status === undefined) throw new Error(`no status line: ${line}`);
  const headers = new Map<string, string>();
  for (const field of fields) {
    const [, name, value] = /^([\w-]+): (.*)$/.exec(field) ?? [];
    if (name === undefined || value === undefined) throw new Error(`no field: ${field}`);
    if (headers.has(name.toLowerCase())) throw new Error(`twice: ${name}`);
    headers.set(name.toLowerCase(), value);
  }
  const none = head || status === '304' || status === '100';
  const length = none ? 0 : Number(headers.get('content-length'));
  if (Number.isNaN(length)) throw new Error(`no Content-Length with ${status}`);
  const start = end + 4;
  if (bytes.length < start + length) return undefined;
  const body = bytes.subarray(start, start + length);
  return { response: { status: Number(status), headers, body }, rest: bytes.subarray(start + length) };
}

/** One connection. */
export class Client {
  readonly socket: Socket;
  #parts: Buffer[] = [];
  #news = (): void => {};
  ended = false;
  error: NodeJS.ErrnoException | null = null;

  private constructor(port: number, halfOpen: boolean) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: halfOpen, noDelay: true });
    const end = (): void => {
      this.ended = true;
      this.#news();
    };
    this.socket.on('data', (data) => {
      this.#parts.push(data);
      this.#news();
    });
    this.socket.on('end', end);
    this.socket.on('close', end);
    this.socket.on('error', (error) => {
      this.error = error;
    });
  }

  /** What has come and is not part of a response that was asked for. */
  get bytes(): Buffer {
    if (this.#parts.length !== 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0] as Buffer;
  }

  static async connect(port: number, halfOpen = false): Promise<Client> {
    const client = new Client(port, halfOpen);
    await new Promise((resolve, reject) => {
      client.socket.once('connect', resolve);
      client.socket.once('error', reject);
    });
    return client;
  }

  send(text: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(text as Buffer, 'latin1' as never, () => resolve()));
  }

  /** The next response. @throws when the connection ends before it */
  async response(method = 'GET'): Promise<Response> {
    for (;;) {
      const taken = take(this.bytes, method === 'HEAD');
      if (taken !== undefined) {
        this.#parts = [taken.rest];
        return taken.response;
      }
      if (this.ended) throw this.error ?? new Error(`ended after ${JSON.stringify(this.bytes.toString('latin1'))}`);
      await this.#change();
    }
  }

  /** Waits until the server has closed. */
  async end(): Promise<void> {
    while (!this.ended) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#news = resolve;
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** One request on a connection of its own. */
export async function ask(port: number, text: string): Promise<Response> {
  using client = await Client.connect(port);
  await client.send(text);
  return await client.response(text.split(' ', 1)[0]);
}

/** A well-formed request. */
export function get(target: string, fields: Record<string, string> = {}, method = 'GET', version = '1.1'): string {
  const lines = Object.entries({ Host: 'localhost', ...fields }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n`;
}
