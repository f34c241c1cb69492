/** The screen of a program's operator, held line by line against what a document describes. */
import { expect } from 'vitest';
import { type Client, type EchoProgram, type HowToServe, type Server, serve, within } from './servers.js';

/** A program that is no echo program of the table: what a server needs to be run. */
export function programOf(name: string, ...args: string[]): EchoProgram {
  return { title: name, name, args, port: 0 };
}

/** Runs a program whose operator sees everything. */
export function perform(name: string, args: string[] = [], how: HowToServe = {}): Promise<Server> {
  return serve(programOf(name, ...args), { quiet: false, ...how });
}

/**
 * What the operator sees, with descriptors as `(fd)`, and clients under their names in the play.
 * Lines are taken from the server one by one: nothing is overheard, nothing is left out.
 */
export class Screen {
  readonly #cast = new Map<string, string>();

  constructor(readonly server: Server) {}

  /** Gives a client its name in the play. */
  knows(name: string, client: Client): Client {
    this.#cast.set(client.name, name);
    return client;
  }

  /** The next line. */
  async line(): Promise<string> {
    let line = await within(this.server.line(), 'a line');
    for (const [address, name] of this.#cast) line = line.replaceAll(address, name);
    return line.replace(/\(\d+\)/g, '(fd)');
  }

  /** The next lines are to be these. */
  async shows(...lines: (string | RegExp)[]): Promise<void> {
    for (const expected of lines) {
      const line = await this.line();
      if (typeof expected === 'string') expect(line).toBe(expected);
      else expect(line).toMatch(expected);
    }
  }

  /** Passes over lines until this one. @returns those passed over */
  async until(expected: string | RegExp): Promise<string[]> {
    const passed: string[] = [];
    for (;;) {
      const line = await this.line();
      if (typeof expected === 'string' ? line === expected : expected.test(line)) return passed;
      passed.push(line);
    }
  }
}
