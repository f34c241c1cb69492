/**
 * Where FDMUX_COVERAGE names a folder, the Node.js processes that a test starts leave there which lines they ran. Set here and
 * not outside: the test's own process, whose code vitest has rewritten, is measured by vitest.
 */
if (process.env.FDMUX_COVERAGE) process.env.NODE_V8_COVERAGE = process.env.FDMUX_COVERAGE;
