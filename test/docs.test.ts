import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { experiments } from '../src/lab/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? `docs/${name}` : [])),
];

/** The questions that the documentation answers, each with an example that runs and an experiment to try. */
const QUESTIONS: Readonly<Record<string, string>> = {
  'docs/which.md': 'Which of the three should I use?',
  'docs/level-or-edge.md': 'Level or edge?',
  'docs/why-1024.md': 'Why 1024?',
  'docs/hang-up.md': 'What does a hang-up look like?',
  'docs/porting.md': 'How do I port a Python select program?',
  'docs/waiting.md': 'How do I wait on a serial port, GPIO, inotify, a pty?',
  'docs/blocking.md': 'Blocking or on the loop?',
  'docs/cost.md': 'What does epoll cost?',
};

/** A block of code between fences. */
interface Block {
  readonly page: string;
  readonly line: number;
  /** What stands behind the opening fence: `ts`, `ts run`. */
  readonly info: string;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; indent: number; info: string; lines: string[] } | undefined;
  for (const [i, line] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    const fence = /^( *)```(.*)$/.exec(line);
    if (fence === null) {
      open?.lines.push(line.slice(open.indent));
    } else if (open === undefined) {
      open = { line: i + 1, indent: fence[1]?.length ?? 0, info: fence[2] ?? '', lines: [] };
    } else {
      blocks.push({ page, line: open.line, info: open.info, text: `${open.lines.join('\n')}\n` });
      open = undefined;
    }
  }
  expect(open, `${page} ends within a block`).toBeUndefined();
  return blocks;
}

const blocks = pages.flatMap(blocksOf);

/** What GitHub makes of a heading. */
function anchorsOf(page: string): Set<string> {
  const text = readFileSync(join(root, page), 'utf8').replace(/^ *```[\s\S]*?^ *```/gm, '');
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading as string);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('the pages', () => {
  test.each(pages)('%s links to what is there', (page) => {
    const text = readFileSync(join(root, page), 'utf8').replace(/^ *```[\s\S]*?^ *```/gm, '');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
    for (const link of links) {
      if (/^https?:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(root, join(root, dirname(page), path));
      expect(existsSync(join(root, target)), `${page}: ${link}`).toBe(true);
      if (anchor !== undefined && target.endsWith('.md')) {
        expect(anchorsOf(target), `${page}: ${link}`).toContain(anchor);
      }
    }
  });

  test.each(Object.keys(QUESTIONS))('%s has an example that runs, and an experiment to try', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    expect(blocks.some((block) => block.page === page && block.info === 'ts run')).toBe(true);
    const linked = [...text.matchAll(/\]\(\.\.\/src\/lab\/([\w-]+)\.ts\)/g)].map(([, name]) => name);
    expect(linked.length).toBeGreaterThan(0);
    for (const name of linked) expect(experiments.map((each) => each.name)).toContain(name);
  });
});

describe('the examples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-docs-'));
  /** Code of one page that continues in its next block is one file. */
  const files: { name: string; block: Block; text: string }[] = [];
  for (const block of blocks) {
    if (!/^ts\b/.test(block.info)) continue;
    const last = files.at(-1);
    if (block.info === 'ts continued' && last !== undefined) last.text += block.text;
    else files.push({ name: `${block.page.replaceAll(/[/.]/g, '-')}-${block.line}`, block, text: block.text });
  }

  const run = async (command: string, args: readonly string[]) => {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const [status] = await once(child, 'close');
    return { status, ...output };
  };

  let compiled: { status: number; stdout: string };
  beforeAll(async () => {
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    symlinkSync(root, join(folder, 'node_modules/fdmux'));
    for (const types of ['node', 'undici-types']) {
      const path = join(root, 'node_modules', types === 'node' ? '@types/node' : types);
      if (existsSync(path)) symlinkSync(path, join(folder, 'node_modules', types === 'node' ? '@types/node' : types));
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const harness = join(root, 'dist/src/lab/harness.js');
    for (const { name, text } of files) {
      writeFileSync(join(folder, `${name}.ts`), `${text.replace("'./harness.js'", `'${harness}'`)}\nexport {};\n`);
    }
    const compilerOptions = {
      target: 'ES2023',
      lib: ['ES2023', 'ESNext.Disposable'],
      types: ['node'],
      module: 'NodeNext',
      strict: true,
      skipLibCheck: true,
      outDir: 'out',
      rootDir: '.',
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    compiled = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  test('are all of the types they say', () => {
    expect(compiled.stdout).toBe('');
    expect(compiled.status).toBe(0);
  });

  test.each(
    files
      .filter(({ block }) => block.info === 'ts run')
      .map((file) => [`${file.block.page}:${file.block.line}`, file] as const),
  )('%s runs, and prints what the page says', async (_, { name, block }) => {
    const { status, stdout, stderr } = await run(process.execPath, [join(folder, 'out', `${name}.js`)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const next = blocks[blocks.indexOf(block) + 1];
    if (next?.page === block.page && next.info === 'text') expect(stdout).toBe(next.text);
    else expect(stdout).not.toBe('');
  });
});
