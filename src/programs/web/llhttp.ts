/**
 * llhttp, the parser of HTTP/1 that Node.js itself uses. Node.js shows it to nobody; undici, Node.js's own HTTP client,
 * carries it as WebAssembly. It is strict where a second opinion is dangerous (both Content-Length and
 * Transfer-Encoding, bare line feeds, folded lines), and may be fed in pieces of any size.
 *
 * It is loaded with the first parser: no other program pays for it.
 */
import { createRequire } from 'node:module';

/** What a parser says while it reads. Text is told as a part of the input, in as many parts as the input came in. */
export interface Events {
  begin(): number;
  url(start: number, end: number): number;
  headerField(start: number, end: number): number;
  headerValue(start: number, end: number): number;
  headersComplete(keepAlive: boolean): number;
  body(length: number): number;
  complete(): number;
}

/** How many bytes are read at a time. */
const INPUT_SIZE = 16384;

type Tell = (parser: number, start: number, length: number) => number;

interface Exports {
  memory: { buffer: ArrayBuffer };
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, start: number, length: number): number;
  llhttp_resume(parser: number): void;
  llhttp_resume_after_upgrade(parser: number): void;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
}

interface Constants {
  ERROR: Readonly<Record<string, number>>;
  METHODS: Readonly<Record<string, number>>;
  TYPE: Readonly<Record<string, number>>;
}

/** TypeScript knows WebAssembly only as part of the browser. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: { env: Record<string, (...args: never[]) => number> },
  ) => { exports: unknown };
};

let library: Library | undefined;

/** The one instance of llhttp that all parsers share, with its memory. */
class Library {
  readonly calls: Exports;
  readonly errors: Readonly<Record<string, number>>;
  readonly request: number;
  readonly methods: ReadonlyMap<number, string>;
  /** Who is told. */
  listener!: Events;
  readonly #input: number;
  #memory: Buffer;
  #window: Buffer = Buffer.alloc(0);

  constructor() {
    const require = createRequire(import.meta.url);
    const { ERROR, METHODS, TYPE } = require('undici/lib/llhttp/constants.js') as Constants;
    this.errors = ERROR;
    this.request = TYPE.REQUEST as number;
    this.methods = new Map(Object.entries(METHODS).map(([name, number]) => [number, name]));

    const module = new WebAssembly.Module(require('undici/lib/llhttp/llhttp-wasm.js') as Uint8Array);
    const url: Tell = (_, start, length) => this.listener.url(start, start + length);
    const field: Tell = (_, start, length) => this.listener.headerField(start, start + length);
    const value: Tell = (_, start, length) => this.listener.headerValue(start, start + length);
    const body: Tell = (_, _start, length) => this.listener.body(length);
    const headers = (_: number, _status: number, _upgrade: number, keepAlive: number): number =>
      this.listener.headersComplete(keepAlive === 1);
    const env = {
      wasm_on_message_begin: () => this.listener.begin(),
      wasm_on_url: url,
      wasm_on_status: () => 0,
      wasm_on_header_field: field,
      wasm_on_header_value: value,
      wasm_on_headers_complete: headers,
      wasm_on_body: body,
      wasm_on_message_complete: () => this.listener.complete(),
    };
    this.calls = new WebAssembly.Instance(module, { env }).exports as Exports;
    this.calls._initialize();
    this.#input = this.calls.malloc(INPUT_SIZE);
    this.#memory = Buffer.from(this.calls.memory.buffer);
  }

  /** All of its memory. When that grows, the old one is taken away. */
  get memory(): Buffer {
    if (this.#memory.length === 0) this.#memory = Buffer.from(this.calls.memory.buffer);
    return this.#memory;
  }

  get input(): Buffer {
    if (this.#window.length === 0) this.#window = this.memory.subarray(this.#input, this.#input + INPUT_SIZE);
    return this.#window;
  }

  /** Where `input` begins. */
  get start(): number {
    return this.#input;
  }
}

/** Where bytes are put to be parsed: all parsers read from here, so that nothing is copied on the way. */
export function input(): Buffer {
  library ??= new Library();
  return library.input;
}

/** A parser of one connection's requests. */
export class Llhttp {
  readonly #library: Library;
  readonly #parser: number;

  constructor() {
    library ??= new Library();
    this.#library = library;
    this.#parser = library.calls.llhttp_alloc(library.request);
  }

  /** The numbers of llhttp's errors, also for events to return. */
  get errors(): Readonly<Record<string, number>> {
    return this.#library.errors;
  }

  /**
   * Parses a part of `input()`.
   * @returns 0 when all of it was read, else the number of an error; `position` says where
   */
  execute(listener: Events, offset: number, length: number): number {
    const { calls, errors, start } = this.#library;
    this.#library.listener = listener;
    let error = calls.llhttp_execute(this.#parser, start + offset, length);
    // Somebody asked for another protocol and was answered in this one: what follows is the next request.
    if (error === errors.PAUSED_UPGRADE) {
      calls.llhttp_resume_after_upgrade(this.#parser);
      error = calls.llhttp_execute(this.#parser, start + offset, length);
    }
    return error;
  }

  /** After a pause: reads on. */
  resume(): void {
    this.#library.calls.llhttp_resume(this.#parser);
  }

  /** Where in `input()` the last error or pause was. */
  get position(): number {
    return this.#library.calls.llhttp_get_error_pos(this.#parser) - this.#library.start;
  }

  /** What is wrong, in llhttp's words. */
  get reason(): string {
    const { memory } = this.#library;
    const start = this.#library.calls.llhttp_get_error_reason(this.#parser);
    return start === 0 ? '' : memory.toString('latin1', start, memory.indexOf(0, start));
  }

  get method(): string {
    return this.#library.methods.get(this.#library.calls.llhttp_get_method(this.#parser)) ?? '';
  }

  /** The version of HTTP: 11 for 1.1. */
  get version(): number {
    const { calls } = this.#library;
    return calls.llhttp_get_http_major(this.#parser) * 10 + calls.llhttp_get_http_minor(this.#parser);
  }

  /** The text between two places that an event has told. */
  text(start: number, end: number): string {
    return this.#library.memory.toString('latin1', start, end);
  }

  /** The byte at a place of `input()`. */
  byte(position: number): number {
    return this.#library.memory[this.#library.start + position] as number;
  }

  /** Gives its memory back. It must not be used again. */
  free(): void {
    this.#library.calls.llhttp_free(this.#parser);
  }
}
