/** What `fdmux serve` knows of a program. */

/** The options that every program has. */
export interface ServeOptions {
  /** The address to listen on, in numbers. */
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** How many connections may wait to be accepted. */
  backlog: number;
  /** Say that it listens, and no more. */
  quiet: boolean;
  /** A listener that was inherited, in place of a host and a port. */
  fd?: number | undefined;
  /** Let others listen on the same port (SO_REUSEPORT). */
  sharePort?: boolean;
  /** Whether the operator's keyboard is this one's; it is unless told otherwise. */
  keyboard?: boolean;
  /** Who is told that it accepts; the operator is unless somebody else wants to know. */
  accepting?: (address: string, port: number) => void;
}

/** An option of one program's own. */
export interface ProgramOption {
  /** As it is shown in the help: `--trigger <mode>`. */
  flags: string;
  description: string;
  choices?: readonly string[];
  /** What it is when it is no text: `seconds` may have a fraction. */
  kind?: 'count' | 'seconds';
  default?: string | number;
}

export interface Program<Options extends ServeOptions = ServeOptions> {
  name: string;
  /** The document that it rebuilds. */
  document: string;
  /** What it shows, in one line. */
  summary: string;
  /** The document's port. */
  port: number;
  /** Whether several of it may serve one port: `--workers`. */
  scales?: boolean;
  options?: readonly ProgramOption[];
  /** Serves until it is told to stop, and leaves nothing open. */
  serve(options: Options): void;
}
