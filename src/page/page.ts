/**
 * A web page in one file that asks the network for nothing: what the report of the benchmarks and the timeline of a trace
 * have in common. Light and dark, for the keyboard, for a phone and for paper.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { packageRoot } from '../sys/native.js';
import { Html, html } from './html.js';

export interface PageParts {
  /** Of the window: plain text. */
  readonly title: string;
  /** What the page shows, in a sentence: plain text. */
  readonly description: string;
  /** What stands at the top beside the choice of colours, such as an `<h1>`. */
  readonly header: Html;
  /** The content of `<main>`. */
  readonly body: Html;
  /** CSS beyond the common one. */
  readonly style?: string;
  /** A module for the end of the page. */
  readonly script?: string;
  readonly footer?: Html;
}

/**
 * What `npm run build:pages` made of a file for the browser.
 * @param path from the package's root: `src/page/browser/style.css`, `benchmarks/report/browser/main.js`
 * @throws Error when it has not been built
 */
export function asset(path: string): string {
  try {
    return readFileSync(new URL(`dist/${path}`, packageRoot), 'utf8');
  } catch (error) {
    throw new Error(`dist/${path} is missing: npm run build:ts makes it`, { cause: error });
  }
}

/** The whole page, `<!doctype html>` to `</html>`. */
export function page({ title, description, header, body, style = '', script = '', footer }: PageParts): string {
  // Before the page is painted, and its names to itself.
  const theme = inline(`{${asset('src/page/browser/main.js')}}`);
  const module = inline(script);
  const css = (asset('src/page/browser/style.css') + style).replace(/<\/(?=style)/gi, '<\\/');
  // Nothing is asked of any host, and no script runs but these: should some text ever escape its escaping, it does nothing.
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src ${hash(theme)} ${hash(module)}`;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${description}">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(css)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<div class="heading">${header}</div>
<fieldset class="theme" hidden>
<legend class="aside">Colours</legend>
<label><input type="radio" name="theme" value="auto" checked><span>Auto</span></label>
<label><input type="radio" name="theme" value="light"><span>Light</span></label>
<label><input type="radio" name="theme" value="dark"><span>Dark</span></label>
</fieldset>
</header>
<script>${new Html(theme)}</script>
<main id="main" tabindex="-1">${body}</main>
${footer !== undefined && html`<footer>${footer}</footer>`}
<script type="module">${new Html(module)}</script>
</body>
</html>
`;
  return document.markup;
}

/** A script that its element cannot end before its time. */
function inline(script: string): string {
  return script.replace(/<\/(?=script)/gi, '<\\/').replaceAll('<!--', '\\x3C!--');
}

function hash(script: string): string {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
}
