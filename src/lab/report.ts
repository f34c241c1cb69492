/** What the reader of an experiment sees. */
import { styleText } from 'node:util';
import type { Experiment, Outcome, Step } from './harness.js';

const TITLES = { documents: 'From the documents', traps: 'The traps' } as const;
const MARKS = { 'as expected': '✓', otherwise: '✗', 'not run': '–' } as const;
const COLOURS = { 'as expected': 'green', otherwise: 'red', 'not run': 'yellow' } as const;

type Style = Parameters<typeof styleText>[0];

/** How wide lines of words may be: longer ones are hard to read. */
const WIDEST = 100;

export class Report {
  readonly #columns: number;
  readonly #coloured: boolean;

  /**
   * @param columns of the terminal; 0 for none
   * @param coloured whether it shows colours
   */
  constructor(columns: number, coloured: boolean) {
    this.#columns = columns;
    this.#coloured = coloured;
  }

  #style(style: Style, text: string): string {
    // From 22.13 on, Node.js would look whether its own stdout shows colours: this need not go there.
    return this.#coloured ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Words, broken between them and indented; `first` takes the place of the first line's indentation. */
  #words(text: string, indent: number, first = ' '.repeat(indent), style?: Style): string {
    const width = Math.min(this.#columns || 80, WIDEST) - indent;
    const lines = text.match(new RegExp(`(?=\\S).{1,${width}}(?=\\s|$)|\\S+`, 'g')) ?? [];
    return lines
      .map(
        (line, i) => (i === 0 ? first : ' '.repeat(indent)) + (style === undefined ? line : this.#style(style, line)),
      )
      .join('\n');
  }

  /** What was seen. On a terminal it goes on below itself; elsewhere it stays one line, for whoever searches or compares. */
  #seen(whole: string): string {
    if (this.#columns === 0) return `    ${whole}`;
    return whole
      .match(new RegExp(`(?=\\S).{1,${this.#columns - 8}}(?=\\s|$)|\\S+`, 'g'))
      ?.map((line, i) => `${i === 0 ? '    ' : '        '}${line}`)
      .join('\n') as string;
  }

  /** A line of source: what does not fit goes on below it, further in. */
  #code(line: string): string {
    const indent = `  ${/^ */.exec(line)?.[0] ?? ''}`;
    const code = line.trim();
    const width = this.#columns - indent.length - 4;
    if (this.#columns === 0 || indent.length + code.length <= this.#columns || width < 20) return indent + code;
    const parts = code.match(new RegExp(`(?=\\S).{1,${width}}(?=\\s|$)|\\S+`, 'g')) ?? [];
    return parts.map((part, i) => `${indent}${i === 0 ? '' : '    '}${part}`).join('\n');
  }

  #step(step: Step): string {
    if (step.kind === 'say') return `\n${this.#words(step.text, 0)}`;
    if (step.kind === 'show') return this.#seen(step.text);
    if (step.kind === 'call') return this.#seen(step.times > 1 ? `${step.text}    × ${step.times}` : step.text);
    const mark = step.holds ? this.#style('green', '✓') : this.#style('red', '✗');
    return this.#words(step.seen === undefined ? step.text : `${step.text}: ${step.seen}`, 4, `  ${mark} `);
  }

  /** What is asked, and what is told about it. */
  question({ name, question, background }: Pick<Outcome, 'name' | 'question' | 'background'>): string {
    return `${this.#style('dim', name)}\n${this.#words(question, 0, '', 'bold')}\n${this.#words(background, 0)}\n`;
  }

  /** What happened. */
  steps({ steps }: Pick<Outcome, 'steps'>): string {
    const lines = steps.map((step) => this.#step(step)).join('\n');
    return `${steps[0]?.kind === 'say' ? '' : '\n'}${lines}\n`;
  }

  /** What it says. */
  verdict({ verdict, kernel, seconds, conclusion }: Outcome): string {
    const words = {
      'as expected': `As expected on ${kernel}`,
      otherwise: `Otherwise on ${kernel}`,
      'not run': `Not run on ${kernel}`,
    }[verdict];
    const head = this.#style(['bold', COLOURS[verdict]], `${words}, ${seconds.toFixed(2)} s`);
    return `${head}\n${this.#words(conclusion, 0)}\n`;
  }

  /** The lines that did it. */
  source({ source: { file, text } }: Outcome): string {
    const lines = text.split('\n').map((line) => this.#code(line));
    return `${this.#style('dim', file)}\n${lines.join('\n')}\n`;
  }

  /** All there are. */
  list(experiments: readonly Experiment[]): string {
    const width = Math.max(...experiments.map(({ name }) => name.length));
    const groups = Object.entries(TITLES).map(([group, title]) => {
      const members = experiments.filter((experiment) => experiment.group === group);
      const lines = members.map(({ name, question }) =>
        this.#words(question, width + 4, `  ${this.#style('cyan', name.padEnd(width))}  `),
      );
      return `${this.#style('bold', title)}\n${lines.join('\n')}\n`;
    });
    return `${groups.join('\n')}\n${experiments.length} experiments, on this kernel: fdmux lab NAME for one, fdmux lab --all for all.\n`;
  }

  /** What came of all. */
  table(outcomes: readonly Outcome[]): string {
    const width = Math.max(...outcomes.map(({ name }) => name.length), 'experiment'.length);
    const head = this.#style('bold', `${'experiment'.padEnd(width)}  ${'verdict'.padEnd(13)}  seconds`);
    const rows = outcomes.map(({ name, verdict, seconds }) => {
      const said = this.#style(COLOURS[verdict], `${MARKS[verdict]} ${verdict}`.padEnd(13));
      return `${name.padEnd(width)}  ${said}  ${seconds.toFixed(2).padStart(7)}`;
    });
    const total = outcomes.reduce((sum, { seconds }) => sum + seconds, 0);
    const count = (verdict: Outcome['verdict']) => outcomes.filter((outcome) => outcome.verdict === verdict).length;
    const counts = (['as expected', 'otherwise', 'not run'] as const)
      .filter((verdict) => verdict === 'as expected' || count(verdict) > 0)
      .map((verdict) => `${count(verdict)} ${verdict}`);
    return `${[head, ...rows].join('\n')}\n\n${counts.join(', ')} on ${outcomes[0]?.kernel}, ${total.toFixed(1)} s\n`;
  }
}
