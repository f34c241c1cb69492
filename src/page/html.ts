/** Text that becomes part of a page is escaped, wherever it comes from: `html` is the only way to write markup. */

/** Markup, as opposed to text that has yet to be escaped. */
export class Html {
  constructor(readonly markup: string) {}

  toString(): string {
    return this.markup;
  }
}

/** What may stand in `${…}` of {@link html}. `false`, `null` and `undefined` are nothing. */
export type Content = Html | string | number | false | null | undefined | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as the content of an element or of a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** Markup with what is in `${…}` escaped, unless it is markup itself. Attributes want quotes: `` html`<a href="${url}">` ``. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(String.raw({ raw: parts }, ...contents.map(markup)));
}

function markup(content: Content): string {
  if (content instanceof Html) return content.markup;
  if (Array.isArray(content)) return content.map(markup).join('');
  if (content === false || content === null || content === undefined) return '';
  return escapeHtml(String(content));
}

/** A value for the page's script, which reads it with `JSON.parse(document.getElementById(id).textContent)`. */
export function jsonScript(id: string, value: unknown): Html {
  // No text of it can end the element or begin a comment, for no '<' is left.
  const json = JSON.stringify(value).replace(/</g, '\\u003c');
  return new Html(`<script type="application/json" id="${escapeHtml(id)}">${json}</script>`);
}
