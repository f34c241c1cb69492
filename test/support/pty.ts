/** A process at a terminal: Python has ptys, Node.js has not. */
import { type Child, start } from './processes.js';

/**
 * Runs argv[1:] in a session and a terminal of its own, with what is written to standard input as the keyboard and
 * standard output as the screen. Ends as it ends. Whoever ends this one hangs up the terminal.
 */
const RELAY = `
import os, pty, select, sys
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
sources = [0, master]
while master in sources:
    for fd in select.select(sources, [], [])[0]:
        try:
            data = os.read(fd, 4096)
        except OSError:
            data = b''
        if not data:
            sources.remove(fd)
        elif fd == master:
            os.write(1, data)
        else:
            os.write(master, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export function startAtTerminal([command, args]: [string, string[]]): Child {
  return start('python3', ['-c', RELAY, command, ...args]);
}
